"""Clients of a gateway that drains, and that shares a store with another one."""

import asyncio

import aiohttp
import pytest

from gateway.replicas.draining import Drain
from tests.served.clients import BODY
from tests.served.gateway import Served
from tests.served.pair import Pair
from tests.served.viewers import VIEWERS, WebSocketViewer, until
from tests.shared_store import not_with_a_store


async def sent_away(gateway: Served) -> None:
    """Advance the clock until the clients of a gateway that drains have been told to leave."""
    await gateway.advance(1)
    await gateway.advance(1)


@pytest.mark.parametrize("policy", ["grace", "cancel"])
@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_a_viewer_is_sent_to_another_gateway_and_goes_on_there(pair: Pair, kind: str, policy: str) -> None:
    viewer = pair.first.viewer(kind)
    await viewer.start({**BODY, "options": {"on_disconnect": policy}})
    await pair.first.called()
    pair.first.upstream.last.send("one ")
    seq = int(str((await viewer.until("chunk"))["seq"]))
    drain = asyncio.create_task(Drain(pair.first.hub, pair.first.replica).run(30))
    await sent_away(pair.first)
    # The transport ends without a terminal event, and never as if the answer were complete.
    if isinstance(viewer, WebSocketViewer):
        message = await (await viewer.connect()).receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)
    elif not viewer.polls:
        with pytest.raises(aiohttp.ClientPayloadError):
            await viewer.next()
    await viewer.leave()
    second = pair.second.viewer(kind)
    await second.attach(viewer.generation_id, seq)
    pair.first.upstream.last.send("two")
    pair.first.upstream.last.finish()
    end = (await second.to_end())[-1]
    assert (viewer.text + second.text, end["type"]) == ("one two", "complete")
    await second.leave()
    await until(drain.done)


async def test_a_gateway_that_drains_admits_no_stream(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start({**BODY, "options": {"on_disconnect": "continue"}})
    await pair.first.called()
    drain = asyncio.create_task(Drain(pair.first.hub, pair.first.replica).run(30))
    await sent_away(pair.first)
    for method, path in (("POST", "/api/chat/stream"), ("GET", f"/api/generations/{viewer.generation_id}/events")):
        body = BODY if method == "POST" else None
        async with pair.first.http.request(method, path, json=body) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert response.headers["Connection"] == "close"
            assert (await response.json())["error"]["code"] == "shutting_down"
    async with pair.first.http.ws_connect("/api/ws") as socket:
        await socket.receive()
        assert socket.close_code == 1012
    # A command is carried out: its client may not know yet.
    async with pair.first.http.post(f"/api/generations/{viewer.generation_id}/interrupt") as response:
        assert response.status == 202
    await until(drain.done)


async def test_a_client_that_cannot_come_back_reads_to_the_end(pair: Pair) -> None:
    body = {**BODY, "model": "m", "stream": True}
    posting = asyncio.ensure_future(pair.first.http.post("/v1/chat/completions", json=body).__aenter__())
    await pair.first.called()
    pair.first.upstream.last.send("one ")
    response = await posting
    drain = asyncio.create_task(Drain(pair.first.hub, pair.first.replica).run(30))
    await sent_away(pair.first)
    pair.first.upstream.last.send("two")
    pair.first.upstream.last.finish()
    assert (await response.read()).endswith(b"data: [DONE]\n\n")
    await until(drain.done)


@not_with_a_store("It is about a gateway without one.")
async def test_without_a_store_clients_stay(served: Served) -> None:
    viewer = served.viewer("sse")
    await viewer.start(BODY)
    await served.called()
    drain = asyncio.create_task(Drain(served.hub, served.replica).run(30))
    await sent_away(served)
    served.upstream.last.send("all")
    served.upstream.last.finish()
    await viewer.to_end()
    assert viewer.text == "all"
    await until(drain.done)
