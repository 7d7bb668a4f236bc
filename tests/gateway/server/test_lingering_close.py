"""A client that is still sending reads the error of its refused request."""

import asyncio

import pytest

from gateway.server.http_protocol import MAX_HEAD_BYTES
from tests.gateway.server.raw_client import connected, expect_refusal
from tests.served.gateway import Served
from tests.served.viewers import until

HEAD = b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nHost: other\r\nContent-Length: 20000000\r\n\r\n"


async def test_what_a_refused_client_sends_is_discarded_until_it_closes(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(HEAD)
        for _ in range(200):
            writer.write(bytes(100_000))
            await writer.drain()
        assert (await expect_refusal(reader, 400))["param"] == "Host"
        assert len(served.protocols) == 1
    await until(lambda: not served.protocols)
    assert served.hub.running == 0


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"GET /health?" + b"x" * MAX_HEAD_BYTES, 414),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * MAX_HEAD_BYTES, 431),
        (b"not HTTP\r\n", 400),
        (b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
    ids=["URL", "head", "no HTTP", "chunk"],
)
async def test_a_head_or_body_that_is_refused_before_its_end_is_discarded_too(
    served: Served, begin: bytes, status: int
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(begin)
        await reader.readexactly(len("HTTP/1.1 "))
        for _ in range(200):
            writer.write(b"x" * 100_000)
            await writer.drain()
        assert (await reader.readline()).startswith(str(status).encode())
        await reader.read()
    await until(lambda: not served.protocols)


async def test_a_client_that_does_not_close_is_disconnected(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(HEAD)
        await expect_refusal(reader, 400)
        async with asyncio.timeout(10):
            while served.protocols:
                await asyncio.sleep(0.05)
