"""Requests before, during and after a stream on the same connection of `HttpProtocol`, on raw sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
import pytest

from gateway.config import Settings
from gateway.generation.state import State
from gateway.server.http_protocol import HttpProtocol
from tests.served.gateway import Served
from tests.served.viewers import until

BODY = orjson.dumps({"messages": [{"role": "user", "content": "Hello"}]})
CHUNKED = (
    b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_body_bytes": 1 << 20, "on_disconnect": "cancel"})


def request(body: bytes, *headers: str) -> bytes:
    lines = [
        "POST /api/chat/stream HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_until(reader: asyncio.StreamReader, mark: bytes) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readuntil(mark)


async def finished(served: Served) -> str:
    """Run a generation to its end; return its id."""
    async with connected(served) as (reader, writer):
        writer.write(request(BODY) + BODY)
        await served.called()
        served.upstream.last.send("one ")
        served.upstream.last.finish()
        await read_until(reader, b"0\r\n\r\n")
    return served.only.id


async def test_a_body_that_nothing_reads_disturbs_no_stream(served: Served) -> None:
    async with connected(served) as (first, starter), connected(served) as (reader, writer):
        starter.write(request(BODY) + BODY)
        await served.called()
        await read_until(first, b"accepted")
        writer.write(request(BODY, f"Last-Event-ID: {served.only.id}:1"))
        await read_until(reader, b"event: start")
        writer.write(BODY)
        served.upstream.last.send("word")
        await read_until(reader, b"word")
        served.upstream.last.finish()
        assert b"400" not in await read_until(reader, b"0\r\n\r\n")


async def test_a_body_that_nothing_reads_is_not_parsed_as_a_request(served: Served) -> None:
    generation_id = await finished(served)
    inner = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with connected(served) as (reader, writer):
        writer.write(request(inner, f"Last-Event-ID: {generation_id}:1"))
        await read_until(reader, b"0\r\n\r\n")
        writer.write(inner)
        # What follows the body is the next request, and gets the next response.
        writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await read_until(reader, b"ready")
        assert b"healthy" not in answer


@pytest.mark.parametrize("size", [10, 300_000])
async def test_a_disconnect_is_noticed_however_large_the_request_was(served: Served, size: int) -> None:
    body = orjson.dumps({"messages": [{"role": "user", "content": "x" * size}]})
    async with connected(served) as (reader, writer):
        writer.write(request(body) + body)
        await served.called()
        await read_until(reader, b"accepted")
    await until(lambda: served.hub.viewers == 0)
    await until(lambda: served.only.state.is_terminal)


async def test_a_stream_is_stopped_in_the_call_that_reports_its_disconnect(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request(BODY) + BODY)
        await served.called()
        await read_until(reader, b"accepted")
        (protocol,) = (each for each in served.protocols if isinstance(each, HttpProtocol))
        protocol.eof_received()
        assert (served.hub.viewers, served.only.state) == (0, State.STOPPING)
    await until(lambda: served.only.state.is_terminal)


async def test_a_client_that_ends_its_side_gets_what_was_written_and_no_reset(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request(BODY) + BODY)
        await served.called()
        await read_until(reader, b"accepted")
        writer.write_eof()
        async with asyncio.timeout(10):
            assert not (await reader.read()).endswith(b"0\r\n\r\n")
    await until(lambda: served.only.state.is_terminal)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat/text"])
async def test_a_client_that_leaves_before_its_response_begins_is_no_error(
    served: Served, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request(BODY).replace(b"/api/chat/stream", path.encode()) + BODY)
        await served.called()
        writer.write_eof()
        async with asyncio.timeout(10):
            assert await reader.read() == b""
    await until(lambda: served.only.state.is_terminal)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_head_is_not_written_to_a_connection_that_is_lost(served: Served) -> None:
    async with connected(served) as (reader, _):
        await until(lambda: len(served.protocols) == 1)
        (protocol,) = (each for each in served.protocols if isinstance(each, HttpProtocol))
        protocol.begin(b"HTTP/1.1 200 OK\r\n\r\n")
        protocol.transport.set_protocol(asyncio.Protocol())
        protocol.connection_lost(ConnectionResetError())
        protocol.write_head()
        protocol.transport.close()
        assert await reader.read() == b""


async def test_a_connection_carries_one_stream_after_the_other(served: Served) -> None:
    async with connected(served) as (reader, writer):
        for number in range(1, 4):
            writer.write(request(BODY) + BODY)
            await served.called(number)
            served.upstream.last.send(f"answer {number}")
            served.upstream.last.finish()
            assert f"answer {number}".encode() in await read_until(reader, b"0\r\n\r\n")
            writer.write(b"\r\n")


async def test_a_head_that_begins_during_a_stream_has_a_timeout_after_it(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request(BODY) + BODY)
        await served.called()
        await read_until(reader, b"accepted")
        (connection,) = (
            protocol
            for protocol in served.protocols
            if isinstance(protocol, HttpProtocol) and protocol._on_disconnect is not None
        )
        writer.write(b"GET /health HTTP/1.1\r\nX: ")
        await until(lambda: connection._head_bytes is not None)
        assert connection._deadline is None
        served.upstream.last.finish()
        await read_until(reader, b"0\r\n\r\n")
        assert [connection._deadline is None, connection.timeout_keep_alive_task] == [False, None]


async def test_a_request_during_a_stream_ends_the_connection(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request(BODY) + BODY)
        await read_until(reader, b"accepted")
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        writer.write("\r\n".join(["GET /api/ws HTTP/1.1", "Host: localhost", *upgrade, key]).encode() + b"\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await read_until(reader, b"0\r\n\r\n")
    await until(lambda: served.hub.viewers == 0)
    await served.called()
    await until(lambda: served.only.state.is_terminal)


@pytest.mark.parametrize(
    "more",
    [["Content-Length: 2", "", "{}"], [*(f"X-{n}: 1" for n in range(130)), "", ""]],
)
async def test_a_handshake_that_is_not_valid_is_refused_and_closed(served: Served, more: list[str]) -> None:
    async with connected(served) as (reader, writer):
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        writer.write("\r\n".join(["GET /api/ws HTTP/1.1", "Host: localhost", *upgrade, key, *more]).encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


@pytest.mark.parametrize(
    ("start", "endless"), [(b"0\r\n", b"X: y\r\n"), (b"0\r\nX: ", b"y"), (b"1;", b"x"), (b"", b"0")]
)
async def test_the_framing_of_a_body_is_limited(served: Served, start: bytes, endless: bytes) -> None:
    async with connected(served) as (reader, writer):
        writer.write(CHUNKED + start)
        writer.write(endless * (200_000 // len(endless)))
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                await reader.read()
        assert reader.at_eof() or reader.exception() is not None


async def test_a_body_in_the_smallest_chunks_is_read(served: Served) -> None:
    async with connected(served) as (reader, writer):
        body = orjson.dumps({"messages": [{"role": "user", "content": "x" * 50_000}]})
        chunks = b"".join(b"1;extension\r\n%c\r\n" % byte for byte in body)
        writer.write(CHUNKED + chunks + b"0\r\nTrailer: 1\r\n\r\n")
        await read_until(reader, b"accepted")
