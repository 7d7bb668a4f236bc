"""Timeouts of slow clients, and limits of connections: real sockets, real clocks."""

import asyncio
import io
import resource
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.integration import processes
from tests.integration.processes import Server

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
TIMEOUT = 45.0
"""Seconds, far more than any of these timeouts."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    try:
        async with asyncio.timeout(TIMEOUT):
            yield reader, writer
    finally:
        writer.close()


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def trickle(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send a piece four times a second, until the connection is closed."""
    while not writer.transport.is_closing():
        writer.write(piece)
        await asyncio.sleep(0.25)


async def send_slowly(server: Server, beginning: bytes, piece: bytes) -> bytes:
    """Send a beginning, then pieces slowly; return what the server sends until it closes the connection."""
    async with connected(server) as (reader, writer):
        writer.write(beginning)
        trickling = asyncio.create_task(trickle(writer, piece))
        try:
            return await read_to_the_end(reader)
        finally:
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)


async def test_a_client_that_sends_slowly_is_disconnected(plain_gateway: Server) -> None:
    silent, stuck, trickling, idle, with_line_ends, with_a_second_request = await asyncio.gather(
        send_slowly(plain_gateway, b"", b""),
        send_slowly(plain_gateway, GET[:-2], b""),
        send_slowly(plain_gateway, GET[:-2] + b"X: ", b"x"),
        send_slowly(plain_gateway, GET, b""),
        send_slowly(plain_gateway, GET, b"\r\n"),
        send_slowly(plain_gateway, GET + GET[:-2] + b"X: ", b"x"),
    )
    assert silent == b""
    for response in (stuck, trickling):
        assert response.startswith(b"HTTP/1.1 408") or response == b""
    for response in (idle, with_line_ends, with_a_second_request):
        assert response.startswith(b"HTTP/1.1 200")


async def test_a_body_may_take_longer_than_a_request_head(plain_gateway: Server) -> None:
    body = b'{"messages":[{"role":"user","content":"Hello"}]}'
    async with connected(plain_gateway) as (reader, writer):
        writer.write(b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        # Longer than the ten seconds of a request head.
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
async def test_connections_above_a_limit_are_refused_until_others_close(
    settings: dict[str, object], status: int
) -> None:
    with processes.gateway(**settings) as server:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            held = [await http.ws_connect(f"{server.url}/api/ws") for _ in range(20)]
            for _ in range(3):
                async with connected(server) as (reader, writer):
                    response = await read_to_the_end(reader)
                    assert response.startswith(b"HTTP/1.1 %d " % status)
                    assert b"retry-after: 1\r\n" in response
                    writer.write(GET)
            for socket in held:
                await socket.close()
            async with asyncio.timeout(TIMEOUT):
                while not (await get_health(server)).startswith(b"HTTP/1.1 200"):
                    await asyncio.sleep(0.05)
        # Three were refused; the log has one line.
        server.wait_for("a connection from")
        assert server.output.count("a connection from 127.0.0.1 was refused") == 1
        assert ("trusted_proxies" in server.output) == (status == 429)


async def test_malformed_and_unsupported_requests_write_nothing_to_the_log() -> None:
    requests = [b"\0\r\n\r\n", GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")]
    with processes.gateway() as server:
        before = server.output
        for request in requests:
            async with connected(server) as (reader, writer):
                writer.write(request)
                assert (await reader.readline()).startswith(b"HTTP/1.1 ")
    after = server.output.removeprefix(before).splitlines()
    # Of its own life the gateway writes.
    own = (" has started at ", "SIGTERM", "Demo page", " drained in ")
    assert [line for line in after if not any(text in line for text in own)] == []


async def get_health(server: Server) -> bytes:
    async with connected(server) as (reader, writer):
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return await read_to_the_end(reader)


async def test_the_limit_of_open_files_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(hard, 512)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        with processes.gateway() as server:
            assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_mb(server: Server) -> float:
    """Return the memory of a process (proc(5), `VmRSS`)."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from /proc")
@pytest.mark.parametrize("field", ["messages", "tools"])
async def test_one_client_cannot_fill_the_memory_with_prompts(field: str) -> None:
    """One emoji makes a text of 4 MiB a string of 16 MB; the provider never reads what it is sent."""
    text = "a" * 4_150_000 + "\N{GRINNING FACE}"
    tool = {"type": "function", "function": {"name": "f", "description": text}}
    body: dict[str, object] = {"messages": [{"role": "user", "content": "x" if field == "tools" else text}]}
    if field == "tools":
        body["options"] = {"tools": [tool]}
    calls: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: calls.append(writer), "127.0.0.1", 0)
    provider = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/v1"
    with processes.gateway("--upstream", provider, "--model", "m", rate_limit_per_minute=0) as server:
        before = resident_mb(server)
        data = orjson.dumps(body)
        statuses = Counter[int]()
        async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as http:
            for _ in range(80):
                async with http.post(f"{server.url}/api/generations", data=io.BytesIO(data)) as response:
                    statuses[response.status] += 1
                    if response.status != 201:
                        error = (await response.json())["error"]
                        assert (error["code"], response.headers["Retry-After"]) == ("queue_full", "1")
        assert set(statuses) == {201, 503}
        assert resident_mb(server) - before < 700
    silent.close()
    for writer in calls:
        writer.transport.abort()
    await silent.wait_closed()
