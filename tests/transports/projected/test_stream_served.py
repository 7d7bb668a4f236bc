"""A streamed response in a dialect, over a real connection."""

import asyncio

import aiohttp
import pytest

from gateway.protocol.events import Interrupted, Revision
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

__all__ = ["protocols"]

BODY: JsonObject = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
    "stream": True,
}


async def begun(served: Served) -> aiohttp.ClientResponse:
    """Return a response that has begun, and is viewed."""
    task = asyncio.ensure_future(served.http.post("/v1/messages", json=BODY).__aenter__())
    await served.called()
    served.upstream.last.send("Xin")
    response = await task
    await until(lambda: served.only.log.readers > 0)
    return response


async def test_the_open_block_gets_an_empty_delta(served: Served) -> None:
    response = await begun(served)
    served.clock.advance(15)
    served.upstream.last.finish()
    body = await response.text()
    response.close()
    ping = 'event: ping\ndata: {"type": "ping"}\n\n'
    assert ping + "event: content_block_delta\n" in body
    assert '"delta":{"type":"text_delta","text":""}' in body.partition(ping)[2]


async def test_a_text_that_starts_over_cuts_the_response_at_once(served: Served) -> None:
    response = await begun(served)
    served.only.log.append(Revision(2, None, None, "failover"))
    body = b""
    with pytest.raises(aiohttp.ClientPayloadError):
        async for data in response.content.iter_any():
            body += data
    response.close()
    assert b"Xin" in body
    assert b"message_delta" not in body
    # Its client asks again: the second attempt is not for it.
    await until(lambda: served.only.log.ended)
    assert isinstance(served.only.end, Interrupted)
