"""The pings of `WebSocketProtocol`, whose pong may wait in the socket after a pause of the gateway."""

import pytest

from gateway.server.websocket_protocol import MAX_UNSENT_BYTES, MAX_UNSENT_PONGS, WebSocketProtocol
from tests.gateway.server.raw_client import UPGRADE, close_code, connected, frame
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until
from transports.websocket_connection import text_frame

PONG = 10
"""Opcode (RFC 6455, 11.8)."""


@pytest.fixture
def configure() -> Configure:
    return as_command


def only_socket(served: Served) -> WebSocketProtocol:
    (protocol,) = (each for each in served.protocols if isinstance(each, WebSocketProtocol))
    return protocol


async def test_a_pong_that_waits_in_the_socket_is_not_late(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        protocol = only_socket(served)
        protocol.send_keepalive_ping()
        payload = protocol.pending_ping_payload
        assert payload is not None
        # The ping: its random payload may hold any byte, also that until which the reply is read below.
        await reader.readexactly(2 + len(payload))
        # What the timer does before the socket is read.
        writer.write(frame(PONG, payload))
        protocol.keepalive_timeout()
        await until(lambda: protocol.pending_ping_payload is None)
        assert protocol.pong_timer is None
        writer.write(frame(1, b'{"type":"ping","id":1}'))
        assert b'"pong"' in await reader.readuntil(b"}")


async def test_a_client_that_takes_its_time_with_a_large_event_may_ping_and_answer_late(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        protocol = only_socket(served)
        large = text_frame(b"x" * (32 << 20))
        protocol.transport.write(large)
        protocol.send_keepalive_ping()
        assert protocol.transport.get_write_buffer_size() > MAX_UNSENT_BYTES
        for _ in range(MAX_UNSENT_PONGS):
            protocol.handle_ping()
        protocol.keepalive_timeout()
        assert not protocol.transport.is_closing()
        protocol.handle_ping()
        assert protocol.transport.is_closing()


async def test_a_client_without_a_pong_is_closed(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        protocol = only_socket(served)
        protocol.send_keepalive_ping()
        protocol.keepalive_timeout()
        # The ping comes first: two bytes and its payload of four.
        await reader.readexactly(6)
        assert await close_code(reader) == 1011
