"""What is sent into the silence of an API that has more than a heartbeat."""

import asyncio

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


async def test_the_open_block_gets_an_empty_delta(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post("/v1/messages", json=BODY).__aenter__())
    await served.called()
    served.upstream.last.send("Xin")
    response = await task
    await until(lambda: served.only.log.readers > 0)
    served.clock.advance(15)
    served.upstream.last.finish()
    body = await response.text()
    ping = 'event: ping\ndata: {"type": "ping"}\n\n'
    assert ping + "event: content_block_delta\n" in body
    assert '"delta":{"type":"text_delta","text":""}' in body.partition(ping)[2]
