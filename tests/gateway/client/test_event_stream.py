"""The SSE transport of the client."""

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.client import Client
from gateway.protocol.errors import Code, Refused
from tests.gateway.client.fake_gateway import HOLD, ID, FakeGateway, listen, log_of, read_all


async def test_a_body_that_ends_before_the_terminal_event_is_resumed(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3], []]))
    async with harness.client("sse") as client:
        answer = await client.start("hi")
        assert await read_all(answer) == harness.gateway.log
    assert harness.gateway.attached == [3]


async def test_an_idle_stream_is_resumed(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3, HOLD], []]))
    async with harness.client("sse", idle_s=0.1) as client:
        assert await read_all(await client.start("hi")) == harness.gateway.log
    assert harness.gateway.attached == [3]
    assert "too long" in harness.notices[0].reason


async def test_a_lost_generation_may_be_an_event_of_the_stream(servers: list[TestServer]) -> None:
    async def send_error(_request: web.Request) -> web.Response:
        lost = {"code": "generation_lost", "message": "Gone.", "retryable": True, "retry_after_ms": None}
        unknown = {"partial": False, "usage": None, "cost_usd": None, "metrics": None}
        data = orjson.dumps({"type": "error", **lost, **unknown})
        return web.Response(body=b"event: error\ndata: %b\n\n" % data, content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/api/generations/{id}/events", send_error)
    server = TestServer(app)
    await server.start_server()
    servers.append(server)
    async with Client(str(server.make_url("/"))) as client:
        with pytest.raises(Refused) as raised:
            await read_all(client.attach(ID))
    assert raised.value.code is Code.GENERATION_LOST


async def test_another_kind_of_server_is_detected(servers: list[TestServer]) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    app = web.Application()
    app.router.add_post("/api/chat/stream", page)
    server = TestServer(app)
    await server.start_server()
    servers.append(server)
    async with Client(str(server.make_url("/"))) as client:
        with pytest.raises(Refused, match="does not respond like a Dualstream gateway"):
            await client.start("hi")
