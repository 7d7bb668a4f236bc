"""Read a response from prepared bytes, cut into reads at any places."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from gateway.protocol.errors import Failed
from gateway.protocol.event_stream import KEEP_ALIVE_NAMES, EventStreamDecoder
from gateway.protocol.events import TextBatch
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.connections import UpstreamConnection
from gateway.upstreams.errors.failures import from_error_event
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.response import StreamedResponse

split_points = st.lists(st.integers(0, 2000), max_size=6)
"""Positions at which to split a stream."""


def telling_positions(stream: bytes) -> list[int]:
    """Return every position within 8 bytes of a line break, and every seventh elsewhere.

    A format reads whole lines. The decoder, which finds them, is tested with every split (tests/gateway/protocol).
    """
    return [at for at in range(len(stream)) if at % 7 == 0 or b"\n" in stream[max(0, at - 8) : at + 8]]


def split_at(stream: bytes, points: Sequence[int]) -> Iterator[bytes]:
    """Split a stream at these positions."""
    inside = sorted({min(point, len(stream)) for point in points})
    yield from (
        stream[start:end] for start, end in zip([0, *inside], [*inside, len(stream)], strict=True) if end > start
    )


def split_batches(events: Sequence[UpstreamEvent]) -> Iterator[UpstreamEvent]:
    """Split batches of text into the events that the provider sent."""
    for event in events:
        if isinstance(event, TextBatch):
            bounds = pairwise((0, *event.ends))
            yield from (type(event.text)(event.text.content[start:end]) for start, end in bounds)
        else:
            yield event


async def replay(reads: Iterable[bytes], reader: EventReader) -> tuple[list[UpstreamEvent], str]:
    """Stream a response from prepared reads; return its events and the code of its failure, or ""."""
    events, failure = await replay_with_failure(reads, reader)
    return events, "" if failure is None else failure.code


async def replay_with_failure(reads: Iterable[bytes], reader: EventReader) -> tuple[list[UpstreamEvent], Failed | None]:
    """Stream a response from prepared reads; return its events and its failure."""
    body, events = FakeBody(list(reads)), list[UpstreamEvent]()
    response = StreamedResponse("m", body.connection, body, reader, 1 << 20)  # type: ignore[arg-type]
    try:
        await asyncio.wait_for(response.stream(events.extend), 60)
    except Failed as failure:
        return list(split_batches(events)), failure
    return list(split_batches(events)), None


def decode_each(stream: bytes, reader: EventReader) -> tuple[list[UpstreamEvent], str]:
    """Decode every event in full, one after the other: the reference for `replay`, without reads and templates."""
    events: list[UpstreamEvent] = []
    try:
        for sent in EventStreamDecoder().feed(stream):
            if reader.done:
                return events, ""
            if sent.event == "error":
                raise from_error_event(sent.data, reader.api_key)
            if sent.event not in KEEP_ALIVE_NAMES:
                reader.read(sent.data, events)
    except Failed as failure:
        if not reader.finished:
            return events, failure.code
    try:
        return [*events, *reader.end()] if not reader.done else events, ""
    except Failed as failure:
        return events, failure.code


class FakeBody:
    """aiohttp's reader of a body, with prepared reads. Its connection calls back while there are more."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads
        self.connection = FakeConnection()
        self.total_bytes = 0
        self._buffer = ()

    def at_eof(self) -> bool:
        return not self._reads

    def read_nowait(self) -> bytes:
        read = self._reads.pop(0) if self._reads else b""
        self.total_bytes += len(read)
        if self._reads:
            asyncio.get_running_loop().call_soon(self.connection.notify)
        return read


class FakeConnection(UpstreamConnection):
    def __init__(self) -> None:
        super().__init__()
        self._listener: Callable[[bytes], None] | None = None

    def set_listener(self, listener: Callable[[bytes], None] | None) -> None:
        self._listener = listener

    def notify(self) -> None:
        if self._listener is not None:
            self._listener(b"")
