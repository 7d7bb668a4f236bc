"""Encode batches of log entries for a store, and decode them. Pure.

A batch is a version byte and, for each entry, a header, the lengths of its joined events, its JSON, and the provider's
own data. Lengths below 256 characters, which is nearly all, take one byte each.
"""

import struct
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import orjson

from gateway.generation.event_log import Entry
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

_KINDS: Final[tuple[type[Event | Verbatim], ...]] = (
    *(Accepted, Queued, Start, Retry, Chunk, Reasoning, SignedReasoning, ToolCall, Part, Feedback, Revision),
    *(Complete, Interrupted, Error, Verbatim),
)
"""Kinds of entries by their number in a header. New ones are added at the end: gateways of two versions share logs."""

_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}

_HEADER: Final = struct.Struct(">QQBBIII")
"""First and last number, kind, bytes of one length, number of lengths, bytes of JSON, bytes of the provider's data."""

_NO_VERBATIM: Final = 0xFFFFFFFF


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """Encode entries as one batch."""
    return bytes([VERSION]) + b"".join(map(_encode, entries))


def decode_entries(data: bytes) -> list[Entry]:
    """Decode a batch.

    Raises:
        ValueError: it is damaged, or of a version that this gateway does not know.
    """
    if data[:1] != bytes([VERSION]):
        message = f"a batch of version {data[:1].hex()}, where {VERSION} is known"
        raise ValueError(message)
    entries, at = list[Entry](), 1
    while at < len(data):
        entry, at = _decode(data, at)
        entries.append(entry)
    return entries


def _encode(entry: Entry) -> bytes:
    lengths = [after - before for before, after in pairwise((0, *entry.ends))]
    width = 1 if not lengths or max(lengths) < 256 else 4
    packed = bytes(lengths) if width == 1 else array("I", lengths).tobytes()
    verbatim = entry.verbatim
    verbatim_length = _NO_VERBATIM if verbatim is None else len(verbatim)
    number = _NUMBERS[entry.kind]
    header = _HEADER.pack(entry.first, entry.last, number, width, len(lengths), len(entry.data), verbatim_length)
    return b"".join((header, packed, entry.data, verbatim or b""))


def _decode(data: bytes, at: int) -> tuple[Entry, int]:
    try:
        first, last, number, width, count, length, verbatim_length = _HEADER.unpack_from(data, at)
        kind = _KINDS[number]
    except (struct.error, IndexError) as error:
        message = "a damaged batch"
        raise ValueError(message) from error
    at += _HEADER.size
    lengths: Sequence[int] = data[at : at + count] if width == 1 else array("I", data[at : at + 4 * count])
    at += width * count
    json, at = data[at : at + length], at + length
    verbatim = None
    if verbatim_length != _NO_VERBATIM:
        verbatim, at = data[at : at + verbatim_length], at + verbatim_length
    if at > len(data):
        message = "a batch that ends too early"
        raise ValueError(message)
    ends = array("I", accumulate(lengths)) if count else ()
    return Entry(first, last, kind, json, ends, _event_of(kind, json), verbatim), at


def _event_of(kind: type[Event | Verbatim], json: bytes) -> Event | None:
    """Return what `Entry.other` holds: None for content, which stands in the JSON alone."""
    if kind in {Chunk, Reasoning, Part, Verbatim}:
        return None
    event = decode(orjson.loads(json))
    if event is None:
        message = f"no event: {json[:40]!r}"
        raise ValueError(message)
    return None if is_delta(event) else event
