"""A client that is still sending reads the error of its refused request."""

import asyncio

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


async def test_a_client_that_does_not_close_is_disconnected(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(HEAD)
        await expect_refusal(reader, 400)
        async with asyncio.timeout(10):
            while served.protocols:
                await asyncio.sleep(0.05)
