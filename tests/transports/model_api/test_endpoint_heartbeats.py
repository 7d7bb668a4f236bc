"""A silent provider: the response begins after a heartbeat's time, and clients of its API skip what is sent then."""

import asyncio

import orjson
import pytest

from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import Usage
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient
from tests.served.gateway import Served
from tests.served.viewers import until


@pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))
@pytest.mark.parametrize("has_begun", [False, True], ids=["before the first content", "in mid-answer"])
async def test_every_api_has_heartbeats_that_its_clients_skip(
    served: Served, client: ApiClient, has_begun: bool
) -> None:
    posted = asyncio.ensure_future(client.post(served.http, stream=True).__aenter__())
    await served.called()
    if has_begun:
        served.upstream.last.send("Xin ")
    else:
        await until(lambda: served.only.log.readers > 0)
        served.clock.advance(15)
    async with await posted as response:
        assert response.status == 200
        await until(lambda: served.only.log.readers > 0)
        for _ in range(3):
            served.clock.advance(15)
        served.upstream.last.send("chào")
        served.upstream.last.finish(usage=Usage(5, 3, "exact"))
        raw = await response.read()
    if client.name == "gemini":
        # Google's libraries fail at every line that is not data, and skip empty ones.
        assert {line.partition(b":")[0] for line in raw.splitlines()} == {b"data", b""}
        assert raw.count(b"\n") - 2 * raw.count(b"data:") == 3
    else:
        assert raw.count(b": hb\n") + raw.count(b"event: ping\n") == 3
    events = [orjson.loads(event.data) for event in EventStreamDecoder().feed(raw) if event.data != b"[DONE]"]
    assert client.text([event for event in events if event.get("type") != "ping"]).endswith("chào")
