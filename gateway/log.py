"""The append-only log of one generation. A viewer is a cursor into it: it keeps nothing here but its wake-up call.

Each event is encoded once, when it is appended. The text events of a run can be joined without encoding anything
again: for a viewer that is behind, and in the log itself once it holds more events than it should.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gateway.errors import Refused, invalid
from gateway.events import Chunk, Complete, Error, Event, Gap, Interrupted, Reasoning, Revision, encode

MERGED_BYTES = 32 * 1024
"""Joined text events grow up to about this size, so that no frame outgrows what clients take in one message."""

_TEXT_HEAD = {Chunk: len(b'{"type":"chunk","content":"'), Reasoning: len(b'{"type":"reasoning","content":"')}
_LAST = attrgetter("last")


@dataclass(frozen=True, slots=True)
class Entry:
    """Events `first` to `last` as one: a single event, or a run of text joined. `data` is its JSON object."""

    first: int
    last: int
    event: Event
    data: bytes


class EventLog:
    """Events numbered 1, 2, 3 … without holes, for any number of readers.

    It holds about `hold` entries one by one; beyond that, runs of text in its older half are joined, and a position
    inside such a run is answered by a `gap`.
    """

    def __init__(self, generation_id: str, *, hold: int = 16384) -> None:
        self.generation_id = generation_id
        self.last = 0
        self.ended = False
        self.frames: dict[str, tuple[int, int, list[bytes]]] = {}
        """For each framing the newest frames and from where to where they reach: viewers side by side share them."""
        self._hold = hold
        self._entries: list[Entry] = []
        self._joined = False
        self._listeners: dict[Callable[[], None], None] = {}

    def append(self, event: Event) -> Entry:
        """Add one event and wake the readers; nothing may follow a terminal event."""
        entry = self._add(event)
        self._wake()
        return entry

    def extend(self, events: Iterable[Event]) -> None:
        """Add what came together, and wake the readers once."""
        for event in events:
            self._add(event)
        self._wake()

    def since(self, seq: int) -> Sequence[Entry]:
        """Give what follows a sequence number, in order; a `gap` first if that number lies inside a joined run."""
        if seq >= self.last:
            return ()
        if not self._joined:
            return self._entries[seq:]
        index = bisect_right(self._entries, seq, key=_LAST)
        entry = self._entries[index]
        if entry.first == seq + 1:
            return self._entries[index:]
        gap = Gap(from_seq=seq, to_seq=entry.last, text=self.text(up_to=entry.last))
        return [Entry(seq + 1, entry.last, gap, encode(gap)), *self._entries[index + 1 :]]

    def text(self, *, up_to: int | None = None) -> str:
        """Join the text of the revision that runs at `up_to` (default: the newest)."""
        pieces: list[str] = []
        for entry in reversed(self._entries):
            if up_to is not None and entry.first > up_to:
                continue
            if isinstance(entry.event, Chunk):
                pieces.append(entry.event.content)
            elif isinstance(entry.event, Revision):
                break
        return "".join(reversed(pieces))

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each append, until it is unsubscribed."""
        self._listeners[listener] = None

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Forget a listener; also one that is not known."""
        self._listeners.pop(listener, None)

    def __len__(self) -> int:
        return len(self._entries)

    def _add(self, event: Event) -> Entry:
        if self.ended:
            message = f"{event.type} after the terminal event of {self.generation_id}"
            raise AssertionError(message)
        self.last += 1
        entry = Entry(self.last, self.last, event, encode(event))
        self._entries.append(entry)
        self.ended = isinstance(event, Complete | Interrupted | Error)
        if len(self._entries) > self._hold:
            self._join_older_half()
        return entry

    def _join_older_half(self) -> None:
        half = len(self._entries) // 2
        self._entries[:half] = merge(self._entries[:half])
        self._joined = True
        # Where nothing could be joined (tool calls only, say), do not try again at each append.
        self._hold = max(self._hold, 2 * len(self._entries) - half)

    def _wake(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def merge(entries: Sequence[Entry]) -> list[Entry]:
    """Join runs of adjacent text events of one type into entries of up to about `MERGED_BYTES`."""
    merged: list[Entry] = []
    run: list[Entry] = []
    size = 0
    for entry in entries:
        fits = run and type(entry.event) is type(run[0].event) and size + len(entry.data) <= MERGED_BYTES
        if run and not fits:
            merged.append(_joined(run))
            run, size = [], 0
        if type(entry.event) in _TEXT_HEAD:
            run.append(entry)
            size += len(entry.data)
        else:
            merged.append(entry)
    if run:
        merged.append(_joined(run))
    return merged


def _joined(run: list[Entry]) -> Entry:
    if len(run) == 1:
        return run[0]
    kind = type(run[0].event)
    if kind is not Chunk and kind is not Reasoning:
        raise TypeError(kind)
    content = "".join([entry.event.content for entry in run if isinstance(entry.event, Chunk | Reasoning)])
    head = _TEXT_HEAD[kind]
    data = b'%b%b"}' % (run[0].data[:head], b"".join([entry.data[head:-2] for entry in run]))
    return Entry(run[0].first, run[-1].last, kind(content), data)


def position(generation_id: str, seq: int) -> str:
    """Write a position: the generation and a sequence number."""
    return f"{generation_id}:{seq}"


def parse_position(text: str) -> tuple[str, int]:
    """Read a position back.

    Raises:
        Refused: when it is not one of ours.
    """
    generation_id, _, seq = text.rpartition(":")
    if not generation_id or not seq.isascii() or not seq.isdigit() or len(seq) > 15:
        raise broken_position(text)
    return generation_id, int(seq)


def broken_position(text: str) -> Refused:
    """Make the refusal of a position that we did not write."""
    return invalid(
        f"{text[:100]!r} is not a position: send the id of the last event you got, unchanged, "
        "or nothing to read from the beginning.",
        param="last_event_id",
    )
