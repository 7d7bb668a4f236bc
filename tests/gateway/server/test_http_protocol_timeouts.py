"""Timeouts of request heads, bodies and idle connections in `HttpProtocol`."""

import asyncio

import pytest

from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.server.http_protocol import HEAD_TIMEOUT, REQUEST_TIMEOUT, HttpProtocol
from tests.gateway.server.raw_client import GET, UPGRADE, connected, expect_refusal, only_protocol, read_response
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": 3, "max_connections": 5})


@pytest.fixture
def configure() -> Configure:
    return as_command


async def test_a_connection_that_sends_nothing_is_aborted_without_a_response(served: Served) -> None:
    async with connected(served) as (reader, _):
        protocol = await only_protocol(served)
        assert protocol._deadline is not None
        assert protocol._deadline.due <= SystemClock().now() + HEAD_TIMEOUT
        protocol._on_deadline()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)


async def test_a_head_that_takes_too_long_gets_408(served: Served) -> None:
    async with connected(served) as (reader, writer):
        protocol = await only_protocol(served)
        first = protocol._deadline
        writer.write(b"GET /health HTTP/1.1\r\nX: ")
        await until(lambda: protocol._head_bytes)
        assert protocol._deadline is first
        protocol._on_deadline()
        assert "longer than 10 seconds" in str((await expect_refusal(reader, 408))["message"])


async def test_the_timeout_of_a_later_head_starts_at_its_first_byte(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(GET)
        await read_response(reader)
        protocol = await only_protocol(served)
        assert protocol._deadline is None
        writer.write(b"G")
        await until(lambda: protocol._deadline)
        assert protocol.timeout_keep_alive_task is None
        protocol._on_deadline()
        await expect_refusal(reader, 408)


async def test_a_body_has_a_longer_timeout_than_its_head(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        protocol = await only_protocol(served)
        await until(lambda: protocol.cycle)
        protocol._on_deadline()
        assert protocol._deadline is not None
        assert HEAD_TIMEOUT < protocol._deadline.due - SystemClock().now() <= REQUEST_TIMEOUT - HEAD_TIMEOUT
        protocol._deadline()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)


@pytest.mark.parametrize("between", [b"\r\n", b"\n", b"\r\n\r\n\r\n"])
async def test_empty_lines_do_not_keep_an_idle_connection_open(served: Served, between: bytes) -> None:
    async with connected(served) as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            await read_response(reader)
            protocol = await only_protocol(served)
            idle = protocol.timeout_keep_alive_task
            assert idle is not None
            writer.write(between)
            await drained(protocol)
            assert protocol.timeout_keep_alive_task is idle
            assert not idle.cancelled()
        protocol.timeout_keep_alive_handler()
        assert await reader.read() == b""


async def test_a_request_that_waits_in_the_socket_of_an_idle_connection_is_answered(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(GET)
        await read_response(reader)
        protocol = await only_protocol(served)
        # What a timer does after a pause of the gateway, before the socket is read.
        writer.write(GET)
        protocol.timeout_keep_alive_handler()
        assert (await read_response(reader))[0] == 200


async def test_a_head_that_waits_in_the_socket_is_not_late(served: Served) -> None:
    async with connected(served) as (reader, writer):
        protocol = await only_protocol(served)
        assert protocol._deadline is not None
        writer.write(GET)
        protocol._deadline()
        assert (await read_response(reader))[0] == 200


async def drained(protocol: HttpProtocol) -> None:
    """Wait until the server has read what was sent, which has no other visible effect."""
    data_received, was_read = protocol.data_received, asyncio.Event()

    def read(data: bytes) -> None:
        data_received(data)
        was_read.set()

    protocol.data_received = read  # type: ignore[method-assign]
    await was_read.wait()
    del protocol.data_received


async def test_a_connection_is_idle_after_a_body_that_follows_its_response(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
        assert (await read_response(reader))[0] == 404
        protocol = await only_protocol(served)
        writer.write(b"67890")
        await until(lambda: protocol._deadline is None)
        assert protocol.timeout_keep_alive_task is not None
        writer.write(GET)
        assert (await read_response(reader))[0] == 200


async def test_a_websocket_on_a_kept_connection_has_no_keep_alive_timer(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(GET)
        await read_response(reader)
        protocol = await only_protocol(served)
        writer.write(UPGRADE + b"\r\n")
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        assert (protocol.timeout_keep_alive_task, protocol._deadline) == (None, None)
