"""The entries of an event log: events, and text that was joined without encoding it again. Pure."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from gateway.protocol.events import (
    TERMINAL,
    TEXT_PREFIX,
    Chunk,
    Event,
    Part,
    Reasoning,
    ToolCall,
    Verbatim,
)

MERGED_BYTES = 32 * 1024
"""About the maximum size of joined text events, so that no frame outgrows what clients accept in one message."""

TEXT_HEADS: Final[Mapping[type[Event | Verbatim], bytes]] = {
    kind: prefix + b'"' for kind, prefix in TEXT_PREFIX.items()
}
"""The JSON before the characters of a text, its opening quote included."""

_ARGUMENTS = b'"arguments":"'


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
            return TEXT_HEADS.get(self.kind, b"")
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
        head = TEXT_HEADS.get(entry.kind) or entry.head
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


def before(entry: Entry, seq: int) -> Entry:
    """Return the part of joined text up to a sequence number inside it."""
    ends = array("I", entry.ends[: seq + 1 - entry.first])
    data = b"%b%b}" % (entry.head[:-1], orjson.dumps(entry.text[: ends[-1]]))
    part = Entry(entry.first, seq, entry.kind, data, ends)
    if entry.verbatim is None:
        return part
    return part._replace(verbatim=b"\n".join(entry.verbatim.split(b"\n")[: seq + 1 - entry.first]))


def split(entry: Entry, seq: int) -> Entry:
    """Return the part of joined text that follows a sequence number inside it."""
    begin = entry.ends[seq - entry.first]
    ends = array("I", [end - begin for end in entry.ends[seq + 1 - entry.first :]])
    data = b"%b%b}" % (entry.head[:-1], orjson.dumps(entry.text[begin:]))
    rest = Entry(seq + 1, entry.last, entry.kind, data, ends)
    if entry.verbatim is None:
        return rest
    return rest._replace(verbatim=entry.verbatim.split(b"\n", seq + 1 - entry.first)[-1])
