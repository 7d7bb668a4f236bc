"""Join the text of fast models for a viewer (`coalesce_ms`), so that a token does not cost it a frame.

A log calls a viewer after each append. A `CoalescedListener` stands between the two: text that comes soon after other
text waits there, and the viewer is called once for all of it. It then reads the log from its cursor on, as ever. So
nothing is copied, order and positions are the log's, and a client that comes back gets what it has not received.

Text waits for the interval at most, by a timer. Text that comes in the last third of that time takes what waits with
it: a timer of its own would wake the process once more for each write, which costs more than the write saves. All that
is not text is passed on at once, and with it the text that waits before it: no end is delayed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.clock import Clock, RestartableTimer
from gateway.generation.event_log import Entry, EventLog
from gateway.generation.log_entries import TEXT_HEADS
from gateway.protocol.events import Verbatim

SHORTEST: Final = 2 / 3
"""Part of the interval for which text waits at least for text that takes it with it."""


def chosen_ms(*choices: int | None) -> int:
    """Return the first number of milliseconds that is set, of the most specific choice first; 0 if none is."""
    for milliseconds in choices:
        if milliseconds is not None:
            return milliseconds
    return 0


def is_text(entry: Entry) -> bool:
    """Return True for text, also that of reasoning and of the arguments of a tool call: it can be joined."""
    return entry.kind in TEXT_HEADS or entry.head != b""


class CoalescedListener:
    """A listener of one log that calls a viewer at once for the first text, and then every so many seconds."""

    __slots__ = (
        *("_call", "_coalescer", "_earliest", "_log", "_now", "_seconds", "_seen", "_sees_verbatim", "latest"),
        "waits",
    )

    def __init__(
        self, coalescer: "Coalescer", log: EventLog, seconds: float, call: Callable[[], None], *, sees_verbatim: bool
    ) -> None:
        self.waits = False
        """Text has come that the viewer was not called for."""
        self.latest = 0.0
        """Time at which the viewer is called for text that waits."""
        self._earliest = 0.0
        """Time from which it is called when text comes."""
        self._coalescer = coalescer
        self._log = log
        self._now = coalescer.now
        self._seconds = seconds
        self._call = call
        self._sees_verbatim = sees_verbatim
        self._seen = log.last
        if log.entries and is_text(log.entries[-1]):
            # The viewer reads it now.
            self._begin_interval()

    def __call__(self) -> None:
        """Call the viewer, now or later. This runs for each chunk: most often, text waits already, and this is more."""
        log, seen = self._log, self._seen
        self._seen = log.last
        entries = log.entries
        if not entries or entries[-1].first != seen + 1 or entries[-1].kind not in TEXT_HEADS:
            self._on_entries(log.since(seen))
        elif self._now() >= self._earliest:
            self.call_viewer()
        elif not self.waits:
            self._coalescer.wait(self)

    def _on_entries(self, entries: Sequence[Entry]) -> None:
        shown = [entry for entry in entries if self._sees_verbatim or entry.kind is not Verbatim]
        if not shown and entries:
            return
        # Without any, another owner of the log has taken back what was seen.
        if not (shown and all(map(is_text, shown))):
            if self.waits or (shown and is_text(shown[-1])):
                self.call_viewer()
            else:
                self._call()
        elif self._now() >= self._earliest:
            self.call_viewer()
        elif not self.waits:
            self._coalescer.wait(self)

    def call_viewer(self) -> None:
        """Call the viewer for text; what follows waits."""
        if self.waits:
            self._coalescer.remove(self)
        self._begin_interval()
        self._call()

    def _begin_interval(self) -> None:
        now, seconds = self._now(), self._seconds
        self._earliest, self.latest = now + SHORTEST * seconds, now + seconds


class Coalescer:
    """The listeners of one viewer, each with its own interval, and the one timer that calls it for text that waits."""

    __slots__ = ("_timer", "_waiting", "now")

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self._timer = RestartableTimer(clock)
        self._waiting: dict[CoalescedListener, None] = {}

    def wait(self, listener: CoalescedListener) -> None:
        """Call the viewer when the interval of a listener is over."""
        is_first = not self._waiting
        self._waiting[listener] = None
        listener.waits = True
        if is_first or listener.latest < self._timer.due:
            self._timer.start(listener.latest - self.now(), self._on_due)

    def remove(self, listener: CoalescedListener) -> None:
        """Forget that text waits: the viewer is called for it."""
        listener.waits = False
        del self._waiting[listener]

    def close(self) -> None:
        """Forget what waits: the viewer is closed."""
        self._timer.cancel()
        for listener in tuple(self._waiting):
            self.remove(listener)

    def _on_due(self) -> None:
        # An event loop may call a little early: its clock has a resolution.
        now = max(self.now(), self._timer.due)
        for listener in tuple(self._waiting):
            if listener.waits and listener.latest <= now:
                listener.call_viewer()
        if self._waiting:
            latest = min([listener.latest for listener in self._waiting])
            self._timer.start(latest - self.now(), self._on_due)
