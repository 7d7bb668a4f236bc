"""What a real gateway bounds in time, and how many connections it takes: real sockets, real clocks."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.integration import processes
from tests.integration.processes import Server

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE = 45.0
"""Seconds: far above what any of these may take."""

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Ends]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.close()


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def trickle(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send a piece four times a second, for as long as somebody takes it."""
    while not writer.transport.is_closing():
        writer.write(piece)
        await asyncio.sleep(0.25)


async def slowly(server: Server, beginning: bytes, piece: bytes) -> bytes:
    """Begin to send, then go on slowly; give what is answered when the server has had enough."""
    async with connected(server) as (reader, writer):
        writer.write(beginning)
        trickling = asyncio.create_task(trickle(writer, piece))
        try:
            return await read_to_the_end(reader)
        finally:
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)


async def test_who_sends_slowly_is_shown_out(plain_gateway: Server) -> None:
    silent, stuck, drop_by_drop, idle, with_line_ends, with_a_second_head = await asyncio.gather(
        slowly(plain_gateway, b"", b""),
        slowly(plain_gateway, GET[:-2], b""),
        slowly(plain_gateway, GET[:-2] + b"X: ", b"x"),
        slowly(plain_gateway, GET, b""),
        slowly(plain_gateway, GET, b"\r\n"),
        slowly(plain_gateway, GET + GET[:-2] + b"X: ", b"x"),
    )
    assert silent == b""
    for answer in (stuck, drop_by_drop):
        assert answer.startswith(b"HTTP/1.1 408") or answer == b""
    for answer in (idle, with_line_ends, with_a_second_head):
        assert answer.startswith(b"HTTP/1.1 200")


async def test_a_body_may_take_longer_than_a_head(plain_gateway: Server) -> None:
    body = b'{"messages":[{"role":"user","content":"Hello"}]}'
    async with connected(plain_gateway) as (reader, writer):
        writer.write(b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        # Above the ten seconds of a head.
        for piece in range(12):
            writer.write(body[piece : piece + 1])
            await asyncio.sleep(1)
        writer.write(body[12:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"max_connections_per_address": 20}, 429), ({"max_connections": 20}, 503)],
    ids=["of one address", "in all"],
)
async def test_a_crowd_is_told_to_come_back_and_can(settings: dict[str, object], status: int) -> None:
    with processes.gateway(**settings) as server:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            held = [await http.ws_connect(f"{server.url}/api/ws") for _ in range(20)]
            for _ in range(3):
                async with connected(server) as (reader, writer):
                    answer = await read_to_the_end(reader)
                    assert answer.startswith(b"HTTP/1.1 %d " % status)
                    assert b"retry-after: 1\r\n" in answer
                    writer.write(GET)
            for socket in held:
                await socket.close()
            async with asyncio.timeout(PATIENCE):
                while not (await shown(server)).startswith(b"HTTP/1.1 200"):
                    await asyncio.sleep(0.05)
        # Three were refused; the log has it once.
        server.wait_for("a connection from")
        assert server.output.count("a connection from 127.0.0.1 was refused") == 1
        assert ("trusted_proxies" in server.output) == (status == 429)


async def test_strangers_write_nothing_into_the_log() -> None:
    unreadable = [b"\0\r\n\r\n", GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")]
    with processes.gateway() as server:
        before = server.output
        for sent in unreadable:
            async with connected(server) as (reader, writer):
                writer.write(sent)
                assert (await reader.readline()).startswith(b"HTTP/1.1 ")
    assert [line for line in server.output.removeprefix(before).splitlines() if "SIGTERM" not in line] == []


async def shown(server: Server) -> bytes:
    async with connected(server) as (reader, writer):
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return await read_to_the_end(reader)


async def test_it_raises_its_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(hard, 512)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        with processes.gateway() as server:
            pid = server._process.pid
            assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
