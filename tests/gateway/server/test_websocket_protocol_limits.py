"""Limits of `WebSocketProtocol`: what it reads before a client is authenticated, and fragments of a message."""

import asyncio
from pathlib import Path

import orjson
import pytest

from gateway.config import Settings
from gateway.security.principals import Principal
from gateway.server.websocket_protocol import MAX_FRAGMENTS, MAX_UNAUTHENTICATED_BYTES
from tests.event_loop import settle
from tests.gateway.server.raw_client import UPGRADE, close_code, connected, frame, pour
from tests.served.clients import BODY, KEYS, keys_file, with_keys
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until

__all__ = ["keys_file"]

TEXT, CONTINUATION = 1, 0
"""Opcodes (RFC 6455, 11.8)."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": 3, "max_connections": 5})


@pytest.fixture
def configure() -> Configure:
    return as_command


class TestUnauthenticated:
    """A WebSocket before its hello."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file).model_copy(
            update={"max_body_bytes": 4 << 20, "max_connections_per_address": 0}
        )

    async def test_no_more_is_read_than_a_hello_needs(self, served: Served) -> None:
        async with connected(served) as (reader, writer):
            writer.write(UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(TEXT, bytes(4 << 20))[:14])
            assert await pour(reader, writer, bytes(16_384), 250) < 250
            await until(lambda: served.streams.open == 0)

    async def test_a_hello_that_is_too_large_is_closed_with_4413(self, served: Served) -> None:
        for size in (16_385, MAX_UNAUTHENTICATED_BYTES - 100):
            async with connected(served) as (reader, writer):
                writer.write(UPGRADE + b"\r\n")
                await reader.readuntil(b"\r\n\r\n")
                writer.write(frame(TEXT, b"x" * size))
                assert await close_code(reader) == 4413

    async def test_small_messages_add_up(self, served: Served) -> None:
        async with connected(served) as (reader, writer):
            writer.write(UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert await pour(reader, writer, frame(9, b"x" * 100), 20_000) < 20_000

    async def test_a_message_right_after_a_hello_may_be_large(self, served: Served) -> None:
        hello = orjson.dumps({"type": "hello", "id": 1, "token": KEYS["alice"].text()})
        large = {"type": "start", "id": 2, "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        async with served.http.ws_connect("/api/ws", max_msg_size=0) as socket, asyncio.timeout(10):
            assert socket._writer.transport is not None
            socket._writer.transport.write(frame(TEXT, hello) + frame(TEXT, orjson.dumps(large)))
            assert (await socket.receive_json())["type"] == "ack"
            while (answer := await socket.receive_json()).get("id") != 2:
                pass
            assert answer["type"] == "ack"

    async def test_a_start_between_a_hello_and_a_close_in_one_segment_is_executed(self, served: Served) -> None:
        hello = orjson.dumps({"type": "hello", "id": 1, "token": KEYS["alice"].text()})
        start = orjson.dumps({"type": "start", "id": 2, **BODY, "options": {"on_disconnect": "continue"}})
        async with connected(served) as (reader, writer):
            writer.write(UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(TEXT, hello) + frame(TEXT, start) + frame(8, b"\x03\xe8"))
            await served.called()
        await until(lambda: not served.protocols)
        assert served.hub.running == 1

    async def test_a_message_may_be_large_while_a_token_is_verified(self, served: Served) -> None:
        scheme = SlowScheme()
        served.reloader._authenticator.replace_schemes([scheme])
        headers = {"Authorization": "Bearer x"}
        large = {"type": "start", "id": 2, "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        async with served.http.ws_connect("/api/ws", headers=headers) as socket, asyncio.timeout(10):
            assert socket._writer.transport is not None
            socket._writer.transport.write(frame(TEXT, orjson.dumps(large)))
            await scheme.called.wait()
            await settle()
            scheme.opened.set()
            while (answer := await socket.receive_json()).get("id") != 2:
                pass
            assert answer["type"] == "ack"

    async def test_a_client_that_the_handshake_authenticates_may_send_large_messages(self, served: Served) -> None:
        headers = {"Authorization": f"Bearer {KEYS['alice'].text()}"}
        large = {"type": "start", "id": 2, "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        async with served.http.ws_connect("/api/ws", headers=headers) as socket, asyncio.timeout(10):
            await socket.send_bytes(b"")
            await socket.send_json(large)
            while (answer := await socket.receive_json()).get("id") != 2:
                pass
            assert answer["type"] == "ack"


class SlowScheme:
    """Credential scheme that accepts any token, once `opened` is set."""

    def __init__(self) -> None:
        self.called, self.opened = asyncio.Event(), asyncio.Event()

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        self.called.set()
        await self.opened.wait()
        return Principal("slow", "token")

    def renew(self, principal: Principal) -> Principal | None:
        return principal


async def test_the_fragments_of_a_message_are_limited(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(TEXT, b"", last=False) + frame(CONTINUATION, b"", last=False) * (MAX_FRAGMENTS - 2))
        writer.write(frame(CONTINUATION, b'{"type":"ping"}'))
        assert b"pong" in await reader.readuntil(b"}")
        writer.write(frame(TEXT, b"", last=False) + frame(CONTINUATION, b"", last=False) * MAX_FRAGMENTS)
        assert await close_code(reader) == 4413
