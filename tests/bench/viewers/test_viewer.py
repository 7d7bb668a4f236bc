"""Clients with data in any pieces."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from tests.bench.load.frames import ACCEPT, PING, client_frame
from tests.bench.messages import Request
from tests.bench.viewers.viewer import EventStreamViewer, Viewer, WebSocketViewer

ACCEPTED = b'{"type":"accepted","generation_id":"g_1"}'
CHUNKS = [b'{"type":"chunk","content":"@1.%d.7@"}' % number for number in range(3)]
END = b'{"type":"complete"}'


class Recorded:
    events = 0

    def __init__(self) -> None:
        self.tokens: list[bytes] = []
        self.ends: list[str] = []
        self.accepted = 0

    def on_tokens(self, viewer: Viewer, stamps: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        self.tokens += [stamp[1] for stamp in stamps]

    def on_accepted(self, started: int) -> None:
        self.accepted += 1

    def on_end(self, end: str) -> None:
        self.ends.append(end)


class Transport(asyncio.Transport):
    written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        pass


def event_stream() -> bytes:
    frames = [b"event: accepted\ndata: %b\n\n" % ACCEPTED, *(b"data: %b\nid: g_1:2\n\n" % chunk for chunk in CHUNKS)]
    joined = frames[1] + frames[2]
    bodies = [frames[0], b": hb\n", joined, b": hb\n", frames[3], b"event: complete\ndata: %b\n\n" % END]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def socket() -> bytes:
    messages = [b"\x81%c%b" % (len(text), text) for text in (ACCEPTED, *CHUNKS, END)]
    return b"HTTP/1.1 101 Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % ACCEPT.encode() + b"\x89\x01x".join(messages)


@pytest.mark.parametrize("size", [1_000, 100, 13])
@pytest.mark.parametrize(("kind", "data"), [(EventStreamViewer, event_stream()), (WebSocketViewer, socket())])
async def test_events_are_found_in_any_pieces(kind: type[Viewer], data: bytes, size: int) -> None:
    recorded, transport = Recorded(), Transport()
    viewer = kind(recorded, Request("sse", "/", first="{}"), 80)
    viewer.connection_made(transport)
    for start in range(0, len(data), size):
        viewer.data_received(data[start : start + size])
    assert (recorded.accepted, recorded.tokens, recorded.ends) == (1, [b"0", b"1", b"2"], ["complete"])
    assert (recorded.events, viewer.generation_id, viewer.end) == (5, "g_1", "complete")
    assert viewer.is_answered.done()


async def test_a_ping_is_answered() -> None:
    viewer, transport = WebSocketViewer(Recorded(), Request("websocket", "/", first="{}"), 80), Transport()
    viewer.connection_made(transport)
    viewer.data_received(b"HTTP/1.1 101 Upgrade\r\n\r\n\x89\x01x")
    assert transport.written.endswith(client_frame(PING + 1, b"x"))
    assert viewer.interrupt()


@pytest.mark.parametrize("kind", [EventStreamViewer, WebSocketViewer])
async def test_a_refusal_and_a_lost_connection_are_ends(kind: type[Viewer]) -> None:
    recorded = Recorded()
    refused, lost = (kind(recorded, Request("sse", "/"), 80) for _ in range(2))
    for viewer in (refused, lost):
        viewer.connection_made(cast("asyncio.BaseTransport", Transport()))
    refused.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    lost.connection_lost(None)
    assert recorded.ends == ["refused: 503", "the connection was lost"]
    assert refused.is_answered.done()
    assert lost.is_answered.done()
