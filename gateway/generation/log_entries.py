"""The entries of an event log: events, and text that was joined without encoding it again. Pure."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
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


new_entry: Final[Callable[[tuple[object, ...]], Entry]] = partial(tuple.__new__, Entry)
"""Returns an entry with all these fields, without the call in Python that a named tuple's class is."""


def merge(entries: Iterable[Entry], *, with_ends: bool = False) -> Iterator[Entry]:
    """Yield entries with adjacent text of one kind joined, for a reader that is behind; nothing is encoded again.

    `with_ends`: the joined entries say where each of their events ends, for an API that numbers them.
    """
    pending: list[Entry] = []
    pending_kind: type[Event | Verbatim] | None = None
    head, begin, size = b"", 0, 0
    for entry in entries:
        # All fields at once: reading some of them by name takes longer than the rest of this loop.
        _, _, kind, data, _, _, _ = entry
        is_other = kind is not pending_kind or kind is ToolCall
        if is_other:
            former, pending_kind = head, kind
            head = entry.head if kind is ToolCall else TEXT_HEADS.get(kind, b"")
            is_other, begin = head != former, len(head)
        added = len(data) - begin
        size += added
        if is_other or size > MERGED_BYTES:
            if pending:
                yield _join(pending, with_ends=with_ends)
                pending = []
            size = added
        if head:
            pending.append(entry)
        else:
            yield entry
    if pending:
        yield _join(pending, with_ends=with_ends)


def join_text(entries: Sequence[Entry], *, with_ends: bool = False) -> Entry | None:
    """Return text of one kind as one entry, as `merge` yields it; None if it is something else, or too long for one.

    The short way for what is read often, a viewer whose text is coalesced or a batch for the store: most often, it is
    nothing but text.
    """
    kind = entries[-1].kind
    head = TEXT_HEADS.get(kind)
    if head is None:
        return None
    begin = len(head)
    texts = [entry.data[begin:-2] for entry in entries if entry.kind is kind and entry.verbatim is None]
    if len(texts) != len(entries):
        return None
    text = b"".join(texts)
    data = b'%b%b"}' % (head, text)
    if len(data) > MERGED_BYTES:
        return None
    ends = _ends([entry.ends for entry in entries], texts, text) if with_ends else ()
    return new_entry((entries[0].first, entries[-1].last, kind, data, ends, None, None))


def _join(entries: Sequence[Entry], *, with_ends: bool) -> Entry:
    """Return one entry for several with an equal head."""
    if len(entries) == 1:
        return entries[0]
    # JSON strings are joined as bytes: escape sequences never reach over the end of a string (RFC 8259, 7).
    head = TEXT_HEADS.get(entries[0].kind) or entries[0].head
    begin = len(head)
    firsts, lasts, kinds, encoded, ends_of, _, lines = zip(*entries, strict=True)
    texts = [data[begin:-2] for data in encoded]
    text = b"".join(texts)
    ends = _ends(ends_of, texts, text) if with_ends else ()
    verbatim = None if lines.count(None) == len(lines) else b"\n".join(map(_verbatim_lines, entries))
    return new_entry((firsts[0], lasts[-1], kinds[0], b'%b%b"}' % (head, text), ends, None, verbatim))


def _verbatim_lines(entry: Entry) -> bytes:
    """Return one line of the provider's own data for each event of an entry."""
    return b"\n" * (entry.last - entry.first) if entry.verbatim is None else entry.verbatim


def _ends(ends_of: Sequence[Sequence[int]], texts: Sequence[bytes], joined: bytes) -> Sequence[int]:
    """Return where each event ends in the joined text, in characters; `texts` are JSON without its quotes."""
    if joined.isascii() and b"\\" not in joined and not any(ends_of):
        # Most text: each character is a byte, and each entry one event.
        return array("I", accumulate(map(len, texts)))
    ends, reached = array("I"), 0
    for own, text in zip(ends_of, texts, strict=True):
        if own:
            ends.extend([reached + end for end in own])
        else:
            ends.append(reached + len(orjson.loads(b'"%b"' % text)))
        reached = ends[-1]
    return ends


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
