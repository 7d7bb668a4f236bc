"""The append-only log of one generation. A viewer is a cursor into it: it keeps nothing here but its wake-up call.

Each event is encoded once, when it is appended. The text events of a run can be joined without encoding anything
again: for a viewer that is behind, and in the log itself once it holds more events than it should.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import orjson

from gateway.protocol.events import TERMINAL, TEXT_PREFIX, Chunk, Event, Reasoning, Revision, TextBatch, encode

MERGED_BYTES = 32 * 1024
"""Joined text events grow up to about this size, so that no frame outgrows what clients take in one message."""

_TEXT_HEAD = {kind: len(head) + len('"') for kind, head in TEXT_PREFIX.items()}
_LAST = attrgetter("last")


class Entry(NamedTuple):
    """Events `first` to `last` as one: a single event, or a run of text joined. `data` is its JSON object.

    A run that came joined, or that the log itself joined, keeps in `ends` where each of its events ended, in
    characters. Text is kept in `data` alone, and read out of it where it is asked for.
    """

    first: int
    last: int
    kind: type[Event]
    data: bytes
    ends: Sequence[int] = ()
    other: Event | None = None

    @property
    def text(self) -> str:
        """Give the text of a text event or run, else none."""
        head = _TEXT_HEAD.get(self.kind)
        return "" if head is None else str(orjson.loads(self.data[head - 1 : -1]))

    @property
    def event(self) -> Event:
        """Give the event itself, a run's as if it had been one."""
        if self.other is not None:
            return self.other
        return Chunk(self.text) if self.kind is Chunk else Reasoning(self.text)


class EventLog:
    """Events numbered 1, 2, 3 … without holes, for any number of readers.

    It holds up to about `hold` entries one by one; beyond that, and once it has ended, runs of text are joined.
    Every position stays readable: a run is cut where a reader stands.
    """

    def __init__(self, generation_id: str, *, hold: int = 512) -> None:
        self.generation_id = generation_id
        self.last = 0
        self.ended = False
        self.frames: dict[str, tuple[int, int, list[bytes]]] = {}
        """For each framing the newest frames and from where to where they reach: viewers side by side share them."""
        self._hold = hold
        self._entries: list[Entry] = []
        self._listeners: dict[Callable[[], None], None] = {}

    def append(self, event: Event) -> None:
        """Add one event and wake the readers."""
        self.add(event)
        self.wake()

    def extend(self, events: Iterable[Event | TextBatch]) -> None:
        """Add what came together, and wake the readers once."""
        for event in events:
            self.add(event)
        self.wake()

    def add(self, added: Event | TextBatch) -> None:
        """Add without waking anybody; nothing may follow a terminal event."""
        event, ends = (added.text, added.ends) if isinstance(added, TextBatch) else (added, ())
        if self.ended:
            message = f"{event.type} after the terminal event of {self.generation_id}"
            raise AssertionError(message)
        data, kind = encode(event), type(event)
        first = self.last + 1
        self.last += len(ends) or 1
        other = None if kind is Chunk or kind is Reasoning else event
        self._entries.append(Entry(first, self.last, kind, data, ends, other))
        self.ended = kind in TERMINAL
        if len(self._entries) > self._hold:
            self._join(len(self._entries) // 2)
            if len(self._entries) > self._hold * 3 // 4:
                # Little could be joined (tool calls only, say): do not try again at each append.
                self._hold *= 2

    def wake(self) -> None:
        """Call the readers."""
        for listener in tuple(self._listeners):
            listener()

    def since(self, seq: int) -> Sequence[Entry]:
        """Give what follows a sequence number, in order."""
        if seq >= self.last:
            return ()
        entries = self._entries
        if entries[-1].first == seq + 1:
            # Where a reader stands that keeps up.
            return entries[-1:]
        index = len(entries) - (self.last - seq)
        if index < 0 or entries[index].first != seq + 1:
            index = bisect_right(entries, seq, key=_LAST)
        if entries[index].first == seq + 1:
            return entries[index:]
        return [_cut(entries[index], seq), *entries[index + 1 :]]

    def text(self) -> str:
        """Join the text of the newest revision."""
        pieces: list[str] = []
        for entry in reversed(self._entries):
            if entry.kind is Chunk:
                pieces.append(entry.text)
            elif entry.kind is Revision:
                break
        return "".join(reversed(pieces))

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each append, until it is unsubscribed."""
        self._listeners[listener] = None

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Forget a listener; also one that is not known."""
        self._listeners.pop(listener, None)

    @property
    def readers(self) -> int:
        """Count those who listen."""
        return len(self._listeners)

    def compact(self) -> None:
        """Join what can be joined, for a log that is read seldom from now on."""
        self._join(len(self._entries))
        self.frames.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _join(self, count: int) -> None:
        self._entries[:count] = _merge(self._entries[:count], _join_for_log)


def merge(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Join runs of adjacent text events of one type, for a reader that is behind; nothing is encoded anew."""
    return _merge(entries, _join_for_reader)


def _merge(entries: Sequence[Entry], join: Callable[[list[Entry]], Entry]) -> Iterator[Entry]:
    run: list[Entry] = []
    size = 0
    for entry in entries:
        head = _TEXT_HEAD.get(entry.kind)
        grown = size + len(entry.data) - (head or 0)
        if run and (entry.kind is not run[0].kind or grown > MERGED_BYTES):
            yield join(run) if len(run) > 1 else run[0]
            grown -= size
            run = []
        if head is None:
            yield entry
        else:
            run.append(entry)
        size = grown if run else 0
    if run:
        yield join(run) if len(run) > 1 else run[0]


def _join_for_reader(run: list[Entry]) -> Entry:
    head = _TEXT_HEAD[run[0].kind]
    data = b'%b%b"}' % (run[0].data[:head], b"".join([entry.data[head:-2] for entry in run]))
    return Entry(run[0].first, run[-1].last, run[0].kind, data)


def _join_for_log(run: list[Entry]) -> Entry:
    head, ends, reached = _TEXT_HEAD[run[0].kind], array("I"), 0
    for entry in run:
        if entry.ends:
            ends.extend([reached + end for end in entry.ends])
        else:
            ends.append(reached + len(orjson.loads(entry.data[head - 1 : -1])))
        reached = ends[-1]
    return _join_for_reader(run)._replace(ends=ends)


def _cut(run: Entry, seq: int) -> Entry:
    """Give what of a run follows a sequence number inside it."""
    text = run.text[run.ends[seq - run.first] :]
    data = encode(Chunk(text) if run.kind is Chunk else Reasoning(text))
    return Entry(seq + 1, run.last, run.kind, data)
