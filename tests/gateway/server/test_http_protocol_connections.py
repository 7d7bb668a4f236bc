"""The count of connections in `HttpProtocol`: its limits, and every way in which a connection ends."""

import struct
from collections.abc import Callable
from socket import SO_LINGER, SOL_SOCKET

import pytest

from gateway.config import Settings
from tests.gateway.server.raw_client import (
    GET,
    UPGRADE,
    Ends,
    close_code,
    connected,
    counter_of,
    expect_refusal,
    frame,
    only_protocol,
    protocols_of,
    read_response,
)
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": 3, "max_connections": 5})


@pytest.fixture
def configure() -> Configure:
    return as_command


async def test_the_connections_of_an_address_are_limited(served: Served) -> None:
    async with connected(served), connected(served), connected(served) as (_, last):
        async with connected(served) as (reader, _):
            error = await expect_refusal(reader, 429)
            assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("rate_limit", True, 1000)
        last.close()
        protocol = protocols_of(served)[0]
        await until(lambda: counter_of(protocol).open == 2)
        async with connected(served) as (reader, writer):
            writer.write(GET)
            assert (await read_response(reader))[0] == 200


async def close(ends: Ends) -> None:
    ends[1].close()


async def reset(ends: Ends) -> None:
    ends[1].get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    ends[1].transport.abort()


async def send_no_http(ends: Ends) -> None:
    ends[1].write(b"\x00\r\n\r\n")
    await expect_refusal(ends[0], 400)
    await close(ends)


async def get_a_response(ends: Ends) -> None:
    ends[1].write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await ends[0].read()


async def start_a_stream(ends: Ends) -> None:
    body = b'{"messages":[{"role":"user","content":"Hello"}]}'
    head = b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    ends[1].write(head % len(body) + body)
    await ends[0].readuntil(b"accepted")
    await reset(ends)


async def open_a_websocket(ends: Ends) -> None:
    ends[1].write(UPGRADE + b"\r\n")
    await ends[0].readuntil(b"\r\n\r\n")
    await reset(ends)


async def open_and_close_a_websocket(ends: Ends) -> None:
    ends[1].write(UPGRADE + b"\r\n")
    await ends[0].readuntil(b"\r\n\r\n")
    ends[1].write(frame(8, struct.pack("!H", 1000)))
    assert await close_code(ends[0]) == 1000
    await ends[0].read()


async def fail_a_handshake(ends: Ends) -> None:
    ends[1].write(UPGRADE.replace(b"13", b"12") + b"\r\n")
    await ends[0].read()


async def send_a_handshake_with_a_body(ends: Ends) -> None:
    ends[1].write(UPGRADE + b"Content-Length: 2\r\n\r\nHi")
    await expect_refusal(ends[0], 400)


@pytest.mark.parametrize(
    "leave",
    [
        close,
        reset,
        send_no_http,
        get_a_response,
        start_a_stream,
        open_a_websocket,
        open_and_close_a_websocket,
        fail_a_handshake,
        send_a_handshake_with_a_body,
    ],
)
async def test_each_connection_leaves_the_count_once_however_it_ends(
    served: Served, leave: Callable[[Ends], object]
) -> None:
    async with connected(served) as witness:
        connections = counter_of(await only_protocol(served))
        for _ in range(5):
            async with connected(served) as ends:
                await until(lambda: connections.open == 2)
                await leave(ends)  # type: ignore[misc]
                await until(lambda: connections.open == 1)
        assert connections._addresses._counts == {"127.0.0.1": 1}
        witness[1].write(GET)
        assert (await read_response(witness[0]))[0] == 200
    await until(lambda: connections.open == 0)
    assert connections._addresses._counts == {}


class TestTotalLimit:
    """The limit of all connections together."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_connections": 2, "max_connections_per_address": None})

    async def test_one_more_gets_503(self, served: Served) -> None:
        async with connected(served), connected(served), connected(served) as (reader, _):
            error = await expect_refusal(reader, 503)
            assert (error["code"], error["retryable"]) == ("queue_full", True)
