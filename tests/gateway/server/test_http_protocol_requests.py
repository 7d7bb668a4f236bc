"""Requests that the server refuses, or that end the connection."""

import asyncio

import orjson
import pytest

from tests.served.clients import BODY
from tests.served.gateway import Served
from tests.served.viewers import until


async def raw(served: Served, *pieces: bytes) -> bytes:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_head_without_an_end_is_refused(served: Served) -> None:
    answer = await raw(served, b"GET /health HTTP/1.1\r\n", *[b"X-Pad: " + b"x" * 8000 + b"\r\n"] * 20)
    assert answer.startswith(b"HTTP/1.1 431")
    answer = await raw(served, b"GET /health?", *[b"x" * 8000] * 60)
    assert answer.startswith(b"HTTP/1.1 414")


async def test_what_is_no_request_ends_the_one_before_it(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    body = orjson.dumps({**BODY, "options": {"on_disconnect": "cancel"}})
    head = b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    reader, writer = await asyncio.open_connection(*served.url.removeprefix("http://").split(":"))
    writer.write(b"%bContent-Length: %d\r\n\r\n%bzzz" % (head, len(body), body))
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    # The client keeps its connection.
    await until(lambda: served.hub.running == 0)
    assert not [record for record in caplog.records if record.exc_info]
    writer.close()


async def test_a_pipelined_request_aborts_a_running_stream(served: Served) -> None:
    body = orjson.dumps({**BODY, "options": {"on_disconnect": "cancel"}})
    start = (
        b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b"
    )
    await raw(served, start % (len(body), body) + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: served.only.log.ended)
    assert served.only.state == "interrupted"
