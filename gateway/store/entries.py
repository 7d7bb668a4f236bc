"""Encode batches of log entries for a store, and decode them. Pure.

A batch is a version byte and, for each entry, a tag, a header, the lengths of its joined events, its JSON, and the
provider's own data. It is small, since a generation has many: nearly all have a header of 15 bytes, lengths of one byte
each, and of the JSON of a text only what stands between its quotes.
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import sub
from typing import Final

import orjson

from gateway.generation.event_log import Entry
from gateway.generation.log_entries import TEXT_HEADS
from gateway.protocol.event_decoder import decode
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Interrupted,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
    Verbatim,
    is_delta,
)

VERSION: Final = 1
"""First byte of a batch."""

_VERSION: Final = bytes([VERSION])

_KINDS: Final[tuple[type[Event | Verbatim], ...]] = (
    *(Accepted, Queued, Start, Retry, Chunk, Reasoning, SignedReasoning, ToolCall, Part, Feedback, Revision),
    *(Complete, Interrupted, Error, Verbatim),
)
"""Kinds of entries by their number in a header. New ones are added at the end: gateways of two versions share logs."""

_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}

_KIND: Final = 0x1F
_BARE_TEXT: Final = 0x20
_LONG_LENGTHS: Final = 0x40
_LONG_HEADER: Final = 0x80
"""Bits of a tag: its kind, the JSON around a text is left out, lengths take four bytes, the header is a long one."""

_SHORT: Final = struct.Struct(">BQHHH")
_LONG: Final = struct.Struct(">BQIIII")
"""Tag, first number, how many follow it, number of lengths, bytes of JSON. A long one: bytes of the provider's data."""

_NO_VERBATIM: Final = 0xFFFFFFFF

_TEXT_TAIL: Final = b'"}'


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """Encode entries as one batch."""
    return b"".join((_VERSION, *map(_encode, entries)))


def decode_entries(data: bytes) -> list[Entry]:
    """Decode a batch.

    Raises:
        ValueError: it is damaged, or of a version that this gateway does not know.
    """
    if data[:1] != _VERSION:
        message = f"a batch of version {data[:1].hex()}, where {VERSION} is known"
        raise ValueError(message)
    entries: list[Entry] = []
    at = 1
    while at < len(data):
        entry, at = _decode(data, at)
        entries.append(entry)
    return entries


def _encode(entry: Entry) -> bytes:
    first, last, kind, data, ends, _, verbatim = entry
    tag, head = _NUMBERS[kind], TEXT_HEADS.get(kind)
    if head is not None and data.startswith(head) and data.endswith(_TEXT_TAIL):
        tag |= _BARE_TEXT
        data = data[len(head) : -len(_TEXT_TAIL)]
    packed = b""
    if ends:
        try:
            packed = bytes(_lengths(ends))
        except ValueError:
            tag |= _LONG_LENGTHS
            packed = array("I", _lengths(ends)).tobytes()
    sizes = (last - first, len(ends), len(data))
    if verbatim is None:
        try:
            return _SHORT.pack(tag, first, *sizes) + packed + data
        except struct.error:
            # One of the sizes takes more than two bytes.
            pass
    verbatim_size = _NO_VERBATIM if verbatim is None else len(verbatim)
    return _LONG.pack(tag | _LONG_HEADER, first, *sizes, verbatim_size) + packed + data + (verbatim or b"")


def _lengths(ends: Sequence[int]) -> Iterator[int]:
    return map(sub, ends, (0, *ends))


def _decode(data: bytes, at: int) -> tuple[Entry, int]:
    tag = data[at]
    try:
        if tag & _LONG_HEADER:
            _, first, span, count, length, verbatim_length = _LONG.unpack_from(data, at)
            at += _LONG.size
        else:
            _, first, span, count, length = _SHORT.unpack_from(data, at)
            at, verbatim_length = at + _SHORT.size, _NO_VERBATIM
        kind = _KINDS[tag & _KIND]
    except (struct.error, IndexError) as error:
        message = "a damaged batch"
        raise ValueError(message) from error
    width = 4 if tag & _LONG_LENGTHS else 1
    packed, at = data[at : at + width * count], at + width * count
    json, at = data[at : at + length], at + length
    verbatim = None
    if verbatim_length != _NO_VERBATIM:
        verbatim, at = data[at : at + verbatim_length], at + verbatim_length
    if at > len(data):
        message = "a batch that ends too early"
        raise ValueError(message)
    if tag & _BARE_TEXT:
        json = b"".join((TEXT_HEADS.get(kind, b""), json, _TEXT_TAIL))
    lengths: Sequence[int] = array("I", packed) if tag & _LONG_LENGTHS else packed
    ends = array("I", accumulate(lengths)) if count else ()
    return Entry(first, first + span, kind, json, ends, _event_of(kind, json), verbatim), at


def _event_of(kind: type[Event | Verbatim], json: bytes) -> Event | None:
    """Return what `Entry.other` holds: None for content, which stands in the JSON alone."""
    if kind in {Chunk, Reasoning, Part, Verbatim}:
        return None
    event = decode(orjson.loads(json))
    if event is None:
        message = f"no event: {json[:40]!r}"
        raise ValueError(message)
    return None if is_delta(event) else event
