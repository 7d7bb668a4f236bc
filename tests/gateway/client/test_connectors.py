"""Errors of connections, and commands by POST."""

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from gateway.client import Client, Retries, TransportName
from gateway.protocol.errors import Failed
from tests.certificates import Authority
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
async def test_a_connection_that_fails_before_a_request_is_explained(transport: TransportName, tmp_path: Path) -> None:
    async def ignore(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    context = Authority(tmp_path).server("localhost")
    async with (
        await asyncio.start_server(ignore, "127.0.0.1", 0) as plain,
        await asyncio.start_server(ignore, "127.0.0.1", 0, ssl=context) as untrusted,
    ):
        ports = [server.sockets[0].getsockname()[1] for server in (plain, untrusted)]
        reasons = {
            "http://gateway.invalid": "its name can't be resolved",
            f"https://localhost:{ports[0]}": "TLS failed .*: does it speak https at this port",
            f"https://localhost:{ports[1]}": "its certificate is not accepted: .*certificate",
        }
        for url, reason in reasons.items():
            async with Client(url, transport=transport, retries=Retries(start_failures=1)) as client:
                with pytest.raises(Failed, match=f"{url} can't be reached: {reason}"):
                    await client.start("hi")


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
