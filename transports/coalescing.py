"""Join the text of fast models for a viewer (`coalesce_ms`), so that a token does not cost it a frame.

A log calls a viewer after each append. A `CoalescedListener` stands between the two: text that comes soon after other
text waits there, and the viewer is called once for all of it. It then reads the log from its cursor on, as ever. So
nothing is copied, order and positions are the log's, and a client that comes back gets what it has not received.

All that is not text is passed on at once, and with it the text that waits before it: no end is delayed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.clock import Clock, RestartableTimer
from gateway.generation.event_log import Entry, EventLog
from gateway.generation.log_entries import TEXT_HEADS
from gateway.protocol.events import Verbatim

_NEVER: Final = float("inf")


def chosen_ms(*choices: int | None) -> int:
    """Return the first number of milliseconds that is set, of the most specific choice first; 0 if none is."""
    return next((milliseconds for milliseconds in choices if milliseconds is not None), 0)


def is_text(entry: Entry) -> bool:
    """Return True for text, also that of reasoning and of the arguments of a tool call: it can be joined."""
    return entry.kind in TEXT_HEADS or entry.head != b""


class CoalescedListener:
    """A listener of one log that calls a viewer at once for the first text, and then every so many seconds."""

    __slots__ = ("_call", "_coalescer", "_log", "_seconds", "_seen", "_sees_verbatim", "due", "waits")

    def __init__(
        self, coalescer: "Coalescer", log: EventLog, seconds: float, call: Callable[[], None], *, sees_verbatim: bool
    ) -> None:
        self.waits = False
        """Text has come that the viewer was not called for."""
        self.due = coalescer.now() + seconds if _ends_with_text(log) else 0.0
        """Time from which it is called for text again. It reads what the log has at first."""
        self._coalescer = coalescer
        self._log = log
        self._seconds = seconds
        self._call = call
        self._sees_verbatim = sees_verbatim
        self._seen = log.last

    def __call__(self) -> None:
        """Call the viewer, now or later. This runs for each chunk: most often, text waits already, and this is more."""
        log, seen = self._log, self._seen
        self._seen = log.last
        entry = log.entries[-1]
        if entry.first != seen + 1 or entry.kind not in TEXT_HEADS:
            self._on_entries(log.since(seen))
        elif not self.waits:
            self._on_text()

    def _on_entries(self, entries: Sequence[Entry]) -> None:
        shown = [entry for entry in entries if self._sees_verbatim or entry.kind is not Verbatim]
        if not shown and entries:
            return
        # Without any, another owner of the log has taken back what was seen.
        if shown and all(map(is_text, shown)):
            if not self.waits:
                self._on_text()
        elif self.waits:
            self._coalescer.release(self)
        else:
            self._call()

    def _on_text(self) -> None:
        if self._coalescer.now() < self.due:
            self._coalescer.wait(self)
        else:
            self.call_viewer()

    def call_viewer(self) -> None:
        """Call the viewer for text; what follows waits."""
        self.due = self._coalescer.now() + self._seconds
        self._call()


def _ends_with_text(log: EventLog) -> bool:
    return log.last > 0 and any(map(is_text, log.since(log.last - 1)))


class Coalescer:
    """The listeners of one viewer, each with its own interval, and the one timer that calls it for text that waits."""

    __slots__ = ("_next", "_timer", "_waiting", "now")

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self._timer = RestartableTimer(clock)
        self._next = _NEVER
        """Time for which the timer is set."""
        self._waiting: dict[CoalescedListener, None] = {}

    def wait(self, listener: CoalescedListener) -> None:
        """Call the viewer when the interval of a listener is over."""
        listener.waits = True
        self._waiting[listener] = None
        if listener.due < self._next:
            self._next = listener.due
            self._timer.start(listener.due - self.now(), self._on_due)

    def release(self, listener: CoalescedListener) -> None:
        """Call the viewer now, if text waits for it."""
        if listener.waits:
            listener.waits = False
            del self._waiting[listener]
            listener.call_viewer()

    def close(self) -> None:
        """Forget what waits: the viewer is closed."""
        self._timer.cancel()
        for listener in self._waiting:
            listener.waits = False
        self._waiting.clear()

    def _on_due(self) -> None:
        # An event loop may call a little early: its clock has a resolution.
        now, self._next = max(self.now(), self._next), _NEVER
        for listener in tuple(self._waiting):
            if listener.due <= now:
                self.release(listener)
        if self._waiting:
            self._next = min([listener.due for listener in self._waiting])
            self._timer.start(self._next - now, self._on_due)
