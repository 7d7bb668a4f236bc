"""A response that is cut arrives up to its last byte, is seen to be incomplete, and is not logged as an error."""

import asyncio
import logging
from collections.abc import Sequence

import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from tests.gateway.server.raw_client import connected
from tests.served.clients import protocols
from tests.served.gateway import Protocols, Served
from tests.served.viewers import JsonObject, until

__all__ = ["protocols"]

LAST = "the last words of all"
BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allowed_origins": ("https://page.example",)})


def request(version: str = "1.1", *headers: str) -> bytes:
    body = orjson.dumps(BODY)
    head = [
        f"POST /v1/chat/completions HTTP/{version}",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def read_all(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Read to the end of the connection; return what came, and whether the end was a reset."""
    received = bytearray()
    try:
        while data := await reader.read(100_000):
            received += data
    except ConnectionResetError:
        return bytes(received), True
    return bytes(received), False


def cut(served: Served, *pieces: str) -> None:
    """Send pieces of an answer to the newest call, and fail it as a lost connection does."""
    for piece in pieces:
        served.upstream.last.send(piece)
    served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))


@pytest.mark.parametrize("pieces", [(LAST,), ("x" * 300_000, LAST)], ids=["small", "large"])
@pytest.mark.parametrize("headers", [(), ("Origin: https://page.example",)], ids=["plain", "behind CORS"])
async def test_the_last_chunk_arrives_and_the_terminator_does_not(
    served: Served, pieces: Sequence[str], headers: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request("1.1", *headers))
        await served.called()
        served.upstream.last.send("Xin ")
        await reader.readuntil(b"Xin ")
        cut(served, *pieces)
        received, was_reset = await read_all(reader)
    assert LAST.encode() in received
    assert b"\r\n0\r\n" not in received
    assert b"[DONE]" not in received
    assert not was_reset
    await until(lambda: served.hub.viewers == 0)
    ours = [record for record in caplog.records if record.name.startswith(("gateway", "transports"))]
    assert [record for record in ours if record.levelno >= logging.ERROR] == []


async def test_a_client_that_is_behind_gets_what_came_before_the_cut(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request())
        await served.called()
        served.upstream.last.send("Xin ")
        await until(lambda: served.only.has_content)
        # More than all buffers hold: the client has read nothing yet.
        for _ in range(40):
            served.upstream.last.send("x" * 250_000)
        cut(served, LAST)
        await until(lambda: served.only.log.ended)
        received, was_reset = await read_all(reader)
    assert LAST.encode() in received
    assert b"\r\n0\r\n" not in received
    assert not was_reset


@pytest.mark.parametrize("protocols", [Protocols()], ids=["our server"])
async def test_a_client_of_http_10_has_all_before_the_reset(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(request("1.0"))
        await served.called()
        served.upstream.last.send("Xin ")
        await reader.readuntil(b"Xin ")
        cut(served, "x" * 300_000, LAST)
        received, was_reset = await read_all(reader)
    assert LAST.encode() in received
    # A close would be the end of the body.
    assert was_reset
