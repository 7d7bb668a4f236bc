"""The append-only log of one generation. A viewer is a cursor into it: the log keeps only its callback.

Each event is encoded once, when it is appended. Text can be joined without encoding it again: for a viewer that is
behind, and in the log itself once it holds more entries than it should. The arguments of a tool call are text, too.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from gateway.generation.fan_out import SLICE, FanOut, Reader
from gateway.generation.log_entries import MERGED_BYTES, Entry, before, join_text, merge, new_entry, split
from gateway.protocol.events import (
    TERMINAL,
    Chunk,
    Event,
    Gap,
    Part,
    Reasoning,
    Revision,
    Start,
    TextBatch,
    ToolCall,
    Verbatim,
    encode,
    is_delta,
)

__all__ = ["EPOCH_EVENTS", "MERGED_BYTES", "Entry", "EventLog", "merge"]

EPOCH_EVENTS = 1_000_000_000
"""Distance between the numbers of two owners of one generation: no owner appends as many events.

A former owner may have shown events that were not stored. Where its successor begins, their numbers end: no position
is used twice.
"""

_LAST = attrgetter("last")


class SharedFrames:
    """The frames of a log that its readers share."""

    __slots__ = ("newest", "parts")

    def __init__(self) -> None:
        self.newest: dict[str, tuple[int, int, list[bytes]]] = {}
        """The newest by framing, with the positions they reach from and to: viewers side by side share them."""
        self.parts: dict[tuple[str, int], bytes] = {}
        """Those of parts, by framing and sequence number."""


class EventLog:
    """Events numbered 1, 2, 3 …, for any number of readers.

    There are no holes, except where the owner of the log has changed: what follows has numbers from `begin_epoch` on.
    It holds up to about `max_entries` single entries; beyond that, and once it has ended, adjacent text is joined.
    Every position stays readable: joined text is split where a reader stands.
    """

    __slots__ = (
        *("_fan_out", "_gaps", "_held", "_listeners", "ended", "entries", "generation_id", "is_closed", "last"),
        *("max_entries", "on_append", "on_end", "shared_frames", "sole_reader", "written_at"),
    )

    def __init__(self, generation_id: str, *, max_entries: int = 512) -> None:
        self.generation_id = generation_id
        self.last = 0
        self.ended = False
        self.written_at = 0.0
        """When something of it was last written to a reader, in seconds of the gateway's clock."""
        self.shared_frames: SharedFrames | None = None
        """What its readers share; None unless there are several."""
        self.sole_reader: Callable[[], None] | None = None
        """The only listener; None if there are several, or none."""
        self.max_entries = max_entries
        self.on_append: Callable[[], None] | None = None
        """Called before the readers, except at the end: what stores the log beyond this process. It is None while that
        waits to store what has come before, so that most appends do not call it."""
        self.on_end: Callable[[], None] | None = None
        """The same for the terminal event, which is stored at once."""
        self.entries: list[Entry] = []
        """What is held, for reading."""
        self._gaps: tuple[tuple[int, int], ...] = ()
        """First and last of the numbers that no event has, because an owner was lost."""
        self._listeners: dict[Reader, None] = {}
        self._fan_out: FanOut | None = None
        """Calls the readers since there are many."""
        self._held: list[tuple[Event | TextBatch | None, bytes | None]] | None = None
        """What was appended while the log is held."""
        self.is_closed = False
        """It has ended, or is held."""

    def append(self, event: Event) -> None:
        """Append one event and call the readers."""
        self.add(event)
        self.wake()

    def extend(self, events: Iterable[Event | TextBatch | Verbatim]) -> None:
        """Append events that came together, and call the readers once."""
        verbatim: bytes | None = None
        for event in events:
            if type(event) is Verbatim:
                if verbatim is not None:
                    self._add_verbatim(verbatim)
                # Not a subclass of bytes, which orjson does not read.
                verbatim = bytes(event)
            else:
                self.add(event, verbatim)
                verbatim = None
        if verbatim is not None:
            self._add_verbatim(verbatim)
        self.wake()

    def add(self, added: Event | TextBatch, verbatim: bytes | None = None) -> None:
        """Append without calling the readers; nothing may follow a terminal event."""
        if self.is_closed:
            self._add_to_closed(added, verbatim)
            return
        event, ends = (added.text, added.ends) if type(added) is TextBatch else (added, ())
        data, kind = encode(event), type(event)
        first = self.last + 1
        self.last += len(ends) if ends else 1
        is_content = kind is Chunk or kind is Reasoning or kind is Part or (kind is ToolCall and is_delta(event))
        self.entries.append(new_entry((first, self.last, kind, data, ends, None if is_content else event, verbatim)))
        if kind in TERMINAL:
            self.ended = self.is_closed = True
        if len(self.entries) > self.max_entries:
            self.shorten()

    def shorten(self) -> None:
        """Join the oldest entries: there are more than `max_entries`."""
        self._join_oldest(len(self.entries) // 2)
        if len(self.entries) > self.max_entries * 3 // 4:
            # Little could be joined (parallel tool calls, say): do not try again at each append.
            self.max_entries *= 2

    def _add_verbatim(self, data: bytes) -> None:
        """Append data of the provider from which no content was read."""
        if self.is_closed:
            self._add_to_closed(None, data)
            return
        self.last += 1
        self.entries.append(Entry(self.last, self.last, Verbatim, b"", verbatim=data))

    def _add_to_closed(self, added: Event | TextBatch | None, verbatim: bytes | None) -> None:
        if self._held is None:
            message = f"{added or Verbatim.__name__} after the terminal event of {self.generation_id}"
            raise AssertionError(message)
        self._held.append((added, verbatim))

    # Owners of the log, where several gateways share it.

    def add_entry(self, entry: Entry) -> Entry | None:
        """Append what another gateway has appended, without calling the readers; return the part that is new here.

        Stored batches may overlap: one whose reply was lost is stored again, with what has followed.
        """
        if self.ended or entry.last <= self.last:
            return None
        if entry.first <= self.last:
            entry = split(entry, self.last)
        if entry.first > self.last + 1:
            self._gaps += ((self.last + 1, entry.first - 1),)
        self.entries.append(entry)
        self.last = entry.last
        if entry.kind in TERMINAL:
            self.ended = self.is_closed = True
        elif len(self.entries) > self.max_entries:
            self.shorten()
        return entry

    def begin_epoch(self, fence: int) -> None:
        """Number what follows from `fence * EPOCH_EVENTS + 1` on: the log has got another owner."""
        last = fence * EPOCH_EVENTS
        if last > self.last:
            self._gaps += ((self.last + 1, last),)
            self.last = last

    @property
    def last_event(self) -> int:
        """Return the number of the last event. From the beginning of an epoch until its first event, `last` is more."""
        return self.entries[-1].last if self.entries else 0

    def supersede(self, seq: int) -> None:
        """Drop the events after a number, and what is held: those of another owner are to be added in their place.

        A reader that has seen what is dropped then gets a `gap` with the text that is kept.
        """
        kept = bisect_right(self.entries, seq, key=_LAST)
        if kept < len(self.entries) and self.entries[kept].first <= seq:
            self.entries[kept] = before(self.entries[kept], seq)
            kept += 1
        del self.entries[kept:]
        self.last, self._held = seq, None
        self.ended = self.is_closed = bool(self.entries) and self.entries[-1].is_end
        self._gaps = tuple(gap for gap in self._gaps if gap[1] < seq)
        if self.shared_frames is not None:
            self.shared_frames = SharedFrames()

    @property
    def is_held(self) -> bool:
        """Return True if readers do not see what is appended."""
        return self._held is not None

    def hold(self) -> None:
        """Keep apart what is appended from now on, until `release`: it is not certain that the log is still ours.

        Nothing that can be read changes meanwhile.
        """
        if self._held is None:
            self._held, self.is_closed = [], True

    def release(self) -> None:
        """Append what was held, and call the readers."""
        held, self._held, self.is_closed = self._held, None, self.ended
        for added, verbatim in held or ():
            if added is not None:
                self.add(added, verbatim)
            elif verbatim is not None:
                self._add_verbatim(verbatim)
        if held:
            self.wake()

    def wake(self) -> None:
        """Call the readers."""
        if self._held is not None:
            return
        if self.ended:
            if self.on_end is not None:
                self.on_end()
        elif self.on_append is not None:
            self.on_append()
        if self._fan_out is not None:
            self._fan_out.call(self._listeners)
            return
        # A copy: a reader that reaches the end unsubscribes while it is called.
        for listener in tuple(self._listeners):
            listener()

    def since(self, seq: int) -> Sequence[Entry]:
        """Return the entries after a sequence number, in order."""
        if seq >= self.last:
            return ()
        entries = self.entries
        if entries[-1].first == seq + 1:
            # The position of a reader that keeps up: no search.
            return entries[-1:]
        index = len(entries) - (self.last - seq)
        if index < 0 or entries[index].first != seq + 1:
            index = bisect_right(entries, seq, key=_LAST)
        if index == len(entries):
            # Nothing has followed a change of the owner yet.
            return ()
        if entries[index].first > seq:
            gap = self._gap_at(seq) if self._gaps else None
            return entries[index:] if gap is None else [gap, *entries[index:]]
        return [split(entries[index], seq), *entries[index + 1 :]]

    def _gap_at(self, seq: int) -> Entry | None:
        """Return what a reader gets that has seen numbers of a gap; None for one that has seen none."""
        for first, last in self._gaps:
            if first <= seq < last:
                event = Gap(seq + 1, last, self._text_until(first))
                return Entry(seq + 1, last, Gap, encode(event), other=event)
        return None

    def text(self) -> str:
        """Return the whole text of the newest revision."""
        return self._text_until(self.last + 1)

    def _text_until(self, seq: int) -> str:
        """Return the text of the revision that a number belongs to, as far as it comes before that number."""
        pieces: list[str] = []
        for entry in reversed(self.entries):
            if entry.first >= seq:
                continue
            if entry.kind is Chunk:
                pieces.append(entry.text)
            elif entry.kind is Revision:
                break
        return "".join(reversed(pieces))

    def subscribe(self, listener: Reader, new_fan_out: Callable[[], FanOut] | None = None) -> None:
        """Call `listener` after each append, until it is unsubscribed.

        With `new_fan_out`, it may be called a little later if there are many others, by what that returns.
        """
        self._listeners[listener] = None
        count = len(self._listeners)
        if count > 1 and self.shared_frames is None:
            self.shared_frames = SharedFrames()
        # The method itself: an object that is called looks it up each time.
        self.sole_reader = listener.__call__ if count == 1 else None
        if new_fan_out is not None and self._fan_out is None and count > SLICE:
            self._fan_out = new_fan_out()

    def unsubscribe(self, listener: Reader) -> None:
        """Remove a listener; an unknown one is ignored."""
        self._listeners.pop(listener, None)
        if self._fan_out is not None:
            self._fan_out.drop(listener)
        if not self._listeners:
            self.shared_frames = self.sole_reader = None
        elif len(self._listeners) == 1:
            self.shared_frames, self.sole_reader = None, next(iter(self._listeners)).__call__

    @property
    def readers(self) -> int:
        """Return the number of listeners."""
        return len(self._listeners)

    def compact(self) -> None:
        """Join all text that can be joined: from now on the log is read seldom."""
        entries = self.entries
        # Most logs: several entries of nothing but text between the start and the end.
        is_text = len(entries) > 4 and entries[1].kind is Start and entries[-1].is_end
        if is_text and (joined := join_text(entries[2:-1], with_ends=True)) is not None:
            self.entries = [*entries[:2], joined, entries[-1]]
        else:
            self.entries = list(merge(entries, with_ends=True))
        if self.shared_frames is not None:
            self.shared_frames.newest.clear()

    def __len__(self) -> int:
        return len(self.entries)

    def _join_oldest(self, count: int) -> None:
        self.entries[:count] = merge(self.entries[:count], with_ends=True)
