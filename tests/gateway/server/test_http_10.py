"""Clients of HTTP/1.0 get no chunks, and no kept connection."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from gateway.config import Settings
from tests.gateway.server.raw_client import connected
from tests.served.clients import BODY
from tests.served.gateway import Served


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"on_disconnect": "continue"})


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.0",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


START = request("POST", "/api/chat/stream", orjson.dumps(BODY))


async def lines_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while line := await reader.readline():
        yield line.rstrip()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    return head


async def test_a_stream_ends_with_its_connection(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(START)
        head = await read_head(reader)
        assert head.startswith(b"HTTP/1.1 200")
        await served.called()
        served.upstream.last.send("one")
        served.upstream.last.send("two")
        served.upstream.last.finish()
        lines = [line async for line in lines_of(reader)]
        assert lines[0] == b"event: accepted"
        data = [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
        assert "".join(event["content"] for event in data if event["type"] == "chunk") == "onetwo"
        assert data[-1]["type"] == "complete"


async def test_a_stream_without_an_end_is_reset(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(START)
        await read_head(reader)
        await served.called()
        served.clock.advance(1)
        await served.hub.close()
        tail = b""
        while data := await reader.read(1000):
            tail += data
        assert b"shutting_down" in tail


async def test_a_client_that_leaves_is_noticed(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(START)
        await read_head(reader)
        await served.called()
        assert served.hub.viewers == 1
    async with asyncio.timeout(10):
        while served.hub.viewers:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("GET", "/health"), b"200"),
        (request("HEAD", "/health"), b"200"),
        (request("GET", "/nothing"), b"404"),
        (request("POST", "/api/generations", b"{"), b"400"),
        (request("POST", "/api/generations", b"{}", "Connection: keep-alive"), b"400"),
        (request("GET", "/api/chat/stream", b"", "Accept: text/event-stream"), b"200"),
        (request("GET", "/" + "x" * 40_000), b"414"),
        (request("POST", "/api/generations", b"{", "Expect: 100-continue"), b"400"),
    ],
)
async def test_every_response_ends_with_its_connection(served: Served, sent: bytes, status: bytes) -> None:
    async with connected(served) as (reader, writer):
        writer.write(sent)
        head = await read_head(reader)
        assert head.split()[1] == status
        await reader.read()
