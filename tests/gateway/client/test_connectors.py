"""Errors of connections, and commands by POST."""

import asyncio

import pytest
from aiohttp.test_utils import TestServer

from gateway.client import Client, Retries, TransportName
from gateway.protocol.errors import Failed
from tests.gateway.client.fake_gateway import (
    TRANSPORTS,
    FakeGateway,
    listen,
    log_of,
    read_all,
)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_unreachable_address_is_named(transport: TransportName, unused_tcp_port: int) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with Client(f"127.0.0.1:{unused_tcp_port}", transport=transport, sleep=sleep) as client:
        with pytest.raises(Failed, match=rf"127.0.0.1:{unused_tcp_port} can't be reached: Connection refused"):
            await client.start("hi")
    assert len(waits) == 4


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_silent_server_is_a_failure(transport: TransportName) -> None:
    left = asyncio.Event()

    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(stay_silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client(url, transport=transport, idle_s=0.05, retries=Retries(start_failures=1)) as client:
            with pytest.raises(Failed, match="for too long"):
                await client.start("hi")
        await asyncio.wait_for(left.wait(), 5)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_feedback_after_the_end_goes_by_post(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        await read_all(answer)
        assert await answer.feedback(rating=1, mode="note") == "f_1"
    assert harness.gateway.commands == [("post", "feedback", {"rating": 1, "mode": "note"})]
