"""The append-only log of one generation. A viewer is a cursor into it: the log keeps only its callback.

Each event is encoded once, when it is appended. Text can be joined without encoding it again: for a viewer that is
behind, and in the log itself once it holds more entries than it should. The arguments of a tool call are text, too.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import orjson

from gateway.protocol.events import (
    TERMINAL,
    TEXT_PREFIX,
    Chunk,
    Event,
    Gap,
    Part,
    Reasoning,
    Revision,
    TextBatch,
    ToolCall,
    Verbatim,
    encode,
    is_delta,
)

MERGED_BYTES = 32 * 1024
"""About the maximum size of joined text events, so that no frame outgrows what clients accept in one message."""

EPOCH_EVENTS = 1_000_000_000
"""Distance between the numbers of two owners of one generation: no owner appends as many events.

A former owner may have shown events that were not stored. Where its successor begins, their numbers end: no position
is used twice.
"""

_TEXT_HEADS: dict[type[Event | Verbatim], bytes] = {kind: prefix + b'"' for kind, prefix in TEXT_PREFIX.items()}
"""The JSON before the characters of a text, its opening quote included."""

_ARGUMENTS = b'"arguments":"'

_LAST = attrgetter("last")


class Entry(NamedTuple):
    """Events `first` to `last` as one: a single event, or several text events joined. `data` is its JSON object.

    Joined text keeps in `ends` where each of its events ends, in characters; it came as a batch, or the log joined it.
    Content stands in `data` alone, and is decoded from it where it is needed: two copies would double the memory of a
    retained answer. All other events are kept in `other`.

    `verbatim` is the provider's own data of a generation that is passed on as it came: a line for each of the events,
    empty if there is none of its own. None: it is not passed on. An entry of kind `Verbatim` has nothing but that.
    """

    first: int
    last: int
    kind: type[Event | Verbatim]
    data: bytes
    ends: Sequence[int] = ()
    other: Event | None = None
    verbatim: bytes | None = None

    @property
    def head(self) -> bytes:
        """Return the JSON before the characters of a text; events with an equal head can be joined. b"": none can."""
        if self.kind is not ToolCall or self.other is not None:
            return _TEXT_HEADS.get(self.kind, b"")
        # `index`, `id` and `name` stand before, and the latter two are null.
        return self.data[: self.data.index(_ARGUMENTS) + len(_ARGUMENTS)]

    @property
    def is_end(self) -> bool:
        """Return True for a terminal event."""
        return self.kind in TERMINAL

    @property
    def text(self) -> str:
        """Return the text of an entry that can be joined, else an empty string."""
        head = self.head
        return str(orjson.loads(self.data[len(head) - 1 : -1])) if head else ""

    @property
    def event(self) -> Event:
        """Return the event; joined text as if it had been one event. An entry of kind `Verbatim` has none."""
        if self.other is not None:
            return self.other
        if self.kind is Chunk or self.kind is Reasoning:
            return self.kind(self.text)
        fields = orjson.loads(self.data)
        del fields["type"]
        return ToolCall(**fields) if self.kind is ToolCall else Part(fields.pop("kind"), fields)


class EventLog:
    """Events numbered 1, 2, 3 …, for any number of readers.

    There are no holes, except where the owner of the log has changed: what follows has numbers from `begin_epoch` on.
    It holds up to about `max_entries` single entries; beyond that, and once it has ended, adjacent text is joined.
    Every position stays readable: joined text is split where a reader stands.
    """

    def __init__(self, generation_id: str, *, max_entries: int = 512) -> None:
        self.generation_id = generation_id
        self.last = 0
        self.ended = False
        self.frames: dict[str, tuple[int, int, list[bytes]]] = {}
        """The newest frames by framing, with the positions they reach from and to: viewers side by side share them."""
        self.part_frames: dict[tuple[str, int], bytes] = {}
        """The frames of parts, by framing and sequence number: all readers share them, as long as there are any."""
        self._max_entries = max_entries
        self.on_append: Callable[[], None] | None = None
        """Called before the readers: what stores the log beyond this process."""
        self._entries: list[Entry] = []
        self._gaps: list[tuple[int, int]] = []
        """First and last of the numbers that no event has, because an owner was lost."""
        self._listeners: dict[Callable[[], None], None] = {}
        self._held: list[tuple[Event | TextBatch | None, bytes | None]] | None = None
        """What was appended while the log is held."""
        self._is_closed = False
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
        if self._is_closed:
            self._add_to_closed(added, verbatim)
            return
        event, ends = (added.text, added.ends) if isinstance(added, TextBatch) else (added, ())
        data, kind = encode(event), type(event)
        first = self.last + 1
        self.last += len(ends) or 1
        other = None if kind is Chunk or kind is Reasoning or kind is Part or is_delta(event) else event
        self._entries.append(Entry(first, self.last, kind, data, ends, other, verbatim))
        if kind in TERMINAL:
            self.ended = self._is_closed = True
        if len(self._entries) > self._max_entries:
            self._shorten()

    def _shorten(self) -> None:
        self._join_oldest(len(self._entries) // 2)
        if len(self._entries) > self._max_entries * 3 // 4:
            # Little could be joined (parallel tool calls, say): do not try again at each append.
            self._max_entries *= 2

    def _add_verbatim(self, data: bytes) -> None:
        """Append data of the provider from which no content was read."""
        if self._is_closed:
            self._add_to_closed(None, data)
            return
        self.last += 1
        self._entries.append(Entry(self.last, self.last, Verbatim, b"", verbatim=data))

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
            entry = _split(entry, self.last)
        if entry.first > self.last + 1:
            self._gaps.append((self.last + 1, entry.first - 1))
        self._entries.append(entry)
        self.last = entry.last
        if entry.kind in TERMINAL:
            self.ended = self._is_closed = True
        elif len(self._entries) > self._max_entries:
            self._shorten()
        return entry

    def begin_epoch(self, fence: int) -> None:
        """Number what follows from `fence * EPOCH_EVENTS + 1` on: the log has got another owner."""
        last = fence * EPOCH_EVENTS
        if last > self.last:
            self._gaps.append((self.last + 1, last))
            self.last = last

    def supersede(self, seq: int) -> None:
        """Drop the events after a number, and what is held: those of another owner are to be added in their place.

        A reader that has seen what is dropped then gets a `gap` with the text that is kept.
        """
        kept = bisect_right(self._entries, seq, key=_LAST)
        if kept < len(self._entries) and self._entries[kept].first <= seq:
            self._entries[kept] = _before(self._entries[kept], seq)
            kept += 1
        del self._entries[kept:]
        self.last, self._held = seq, None
        self.ended = self._is_closed = bool(self._entries) and self._entries[-1].is_end
        self._gaps = [gap for gap in self._gaps if gap[1] < seq]
        self.frames.clear()
        self.part_frames.clear()

    @property
    def is_held(self) -> bool:
        """Return True if readers do not see what is appended."""
        return self._held is not None

    def hold(self) -> None:
        """Keep apart what is appended from now on, until `release`: it is not certain that the log is still ours.

        Nothing that can be read changes meanwhile.
        """
        if self._held is None:
            self._held, self._is_closed = [], True

    def release(self) -> None:
        """Append what was held, and call the readers."""
        held, self._held, self._is_closed = self._held, None, self.ended
        for added, verbatim in held or ():
            if added is not None:
                self.add(added, verbatim)
            elif verbatim is not None:
                self._add_verbatim(verbatim)
        if held:
            self.wake()

    def wake(self) -> None:
        """Call the readers."""
        if self.on_append is not None:
            if self._held is not None:
                return
            self.on_append()
        # A copy: a reader that reaches the end unsubscribes while it is called.
        for listener in tuple(self._listeners):
            listener()

    def since(self, seq: int) -> Sequence[Entry]:
        """Return the entries after a sequence number, in order."""
        if seq >= self.last:
            return ()
        entries = self._entries
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
        return [_split(entries[index], seq), *entries[index + 1 :]]

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
        for entry in reversed(self._entries):
            if entry.first >= seq:
                continue
            if entry.kind is Chunk:
                pieces.append(entry.text)
            elif entry.kind is Revision:
                break
        return "".join(reversed(pieces))

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each append, until it is unsubscribed."""
        self._listeners[listener] = None

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Remove a listener; an unknown one is ignored."""
        self._listeners.pop(listener, None)
        if not self._listeners:
            self.part_frames.clear()
            self.frames.clear()

    @property
    def readers(self) -> int:
        """Return the number of listeners."""
        return len(self._listeners)

    def compact(self) -> None:
        """Join all text that can be joined: from now on the log is read seldom."""
        self._join_oldest(len(self._entries))
        self.frames.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _join_oldest(self, count: int) -> None:
        self._entries[:count] = _merge(self._entries[:count], _join_for_log)


def merge(entries: Sequence[Entry], *, with_ends: bool = False) -> Iterator[Entry]:
    """Yield entries with adjacent text of one kind joined, for a reader that is behind; nothing is encoded again.

    `with_ends`: the joined entries say where each of their events ends, for an API that numbers them.
    """
    return _merge(entries, _join_for_log if with_ends else _join_for_reader)


def _merge(entries: Sequence[Entry], join: Callable[[list[Entry]], Entry]) -> Iterator[Entry]:
    pending: list[Entry] = []
    size, pending_head = 0, b""
    for entry in entries:
        # The property is needed for tool calls alone.
        head = _TEXT_HEADS.get(entry.kind) or entry.head
        grown = size + len(entry.data) - len(head)
        if pending and (head != pending_head or grown > MERGED_BYTES):
            yield join(pending) if len(pending) > 1 else pending[0]
            grown -= size
            pending = []
        if head:
            pending.append(entry)
            pending_head = head
        else:
            yield entry
        size = grown if pending else 0
    if pending:
        yield join(pending) if len(pending) > 1 else pending[0]


def _join_for_reader(entries: list[Entry]) -> Entry:
    # JSON strings are joined as bytes: escape sequences never reach over the end of a string (RFC 8259, 7).
    head = entries[0].head
    data = b'%b%b"}' % (head, b"".join([entry.data[len(head) : -2] for entry in entries]))
    joined = Entry(entries[0].first, entries[-1].last, entries[0].kind, data)
    if all(entry.verbatim is None for entry in entries):
        return joined
    return joined._replace(verbatim=b"\n".join(map(_verbatim_lines, entries)))


def _verbatim_lines(entry: Entry) -> bytes:
    """Return one line of the provider's own data for each event of an entry."""
    return b"\n" * (entry.last - entry.first) if entry.verbatim is None else entry.verbatim


def _join_for_log(entries: list[Entry]) -> Entry:
    start, ends, reached = len(entries[0].head) - len('"'), array("I"), 0
    for entry in entries:
        if entry.ends:
            ends.extend([reached + end for end in entry.ends])
        else:
            ends.append(reached + len(orjson.loads(entry.data[start:-1])))
        reached = ends[-1]
    return _join_for_reader(entries)._replace(ends=ends)


def _before(entry: Entry, seq: int) -> Entry:
    """Return the part of joined text up to a sequence number inside it."""
    ends = array("I", entry.ends[: seq + 1 - entry.first])
    data = b"%b%b}" % (entry.head[:-1], orjson.dumps(entry.text[: ends[-1]]))
    part = Entry(entry.first, seq, entry.kind, data, ends)
    if entry.verbatim is None:
        return part
    return part._replace(verbatim=b"\n".join(entry.verbatim.split(b"\n")[: seq + 1 - entry.first]))


def _split(entry: Entry, seq: int) -> Entry:
    """Return the part of joined text that follows a sequence number inside it."""
    begin = entry.ends[seq - entry.first]
    ends = array("I", [end - begin for end in entry.ends[seq + 1 - entry.first :]])
    data = b"%b%b}" % (entry.head[:-1], orjson.dumps(entry.text[begin:]))
    rest = Entry(seq + 1, entry.last, entry.kind, data, ends)
    if entry.verbatim is None:
        return rest
    return rest._replace(verbatim=entry.verbatim.split(b"\n", seq + 1 - entry.first)[-1])
