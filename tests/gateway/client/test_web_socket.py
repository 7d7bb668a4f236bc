"""The WebSocket transport of the client."""

import asyncio

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.client import Client, Retries
from gateway.client.web_socket import MAX_BUFFERED_FRAMES, WebSocketFeed
from gateway.protocol.errors import Failed
from gateway.protocol.events import Accepted
from tests.gateway.client.fake_gateway import (
    ID,
    FakeGateway,
    listen,
    log_of,
    read_all,
)


async def test_a_socket_without_pongs_is_lost(servers: list[TestServer]) -> None:
    async def accept_and_freeze(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        command = (await socket.receive()).json()
        await socket.send_json({"type": "ack", "id": command["id"], "generation_id": ID})
        accepted = orjson.loads(orjson.dumps(Accepted(ID, "r_1", "m")))
        await socket.send_json({"type": "accepted", "seq": 1, **accepted})
        while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSED:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/api/ws", accept_and_freeze)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    servers.append(server)
    retries = Retries(resume_failures=1)
    async with Client(str(server.make_url("/")), transport="ws", idle_s=0.15, retries=retries) as client:
        answer = await client.start("hi")
        with pytest.raises(Failed):
            async with asyncio.timeout(5):
                await read_all(answer)


async def test_a_socket_with_a_full_buffer_still_receives_replies(servers: list[TestServer]) -> None:
    log = log_of(*["x" * 1000] * 5000)
    harness = await listen(servers, FakeGateway(log))
    async with harness.client("ws") as client:
        answer = await client.start("hi")
        feed = answer._feed
        assert isinstance(feed, WebSocketFeed)
        async with asyncio.timeout(10):
            while len(feed._frames) < MAX_BUFFERED_FRAMES:
                await asyncio.wait([feed._reader], timeout=0)
            assert await answer.interrupt()
        assert len(await read_all(answer)) == len(log)
    assert answer.text == "x" * 5_000_000
