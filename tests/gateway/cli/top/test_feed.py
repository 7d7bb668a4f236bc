"""The events of a gateway's console, and what is wrong with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.cli.top.feed import PATH, ConsoleFeed
from gateway.client.frames import ConnectionLost
from gateway.protocol.errors import Code, Refused
from tests.served.gateway import Served

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def feed_of(handler: Handler, token: str | None = "ds_x") -> AsyncIterator[ConsoleFeed]:
    app = web.Application()
    app.router.add_get(f"/{PATH}", handler)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    feed = ConsoleFeed(str(server.make_url("")), token)
    try:
        yield feed
    finally:
        await feed.aclose()
        await server.close()


def responding(text: str, content_type: str = "text/event-stream", status: int = 200) -> Handler:
    async def respond(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer ds_x"
        return web.Response(text=text, content_type=content_type, status=status)

    return respond


SNAPSHOT = 'event: snapshot\ndata: {"time": 1}\n\n: hb\n\n'


async def test_a_gateway_tells_what_runs(served: Served) -> None:
    feed = ConsoleFeed(served.url, None)
    async with aclosing(feed.events()) as events:
        name, data = await anext(events)
    assert (name, data["running"]) == ("snapshot", [])
    await feed.aclose()


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (responding(SNAPSHOT), ConnectionLost, "ended"),
        (responding("data: x\n\n"), ConnectionLost, "not a JSON object"),
        (responding("<html>", "text/html"), Refused, "does not respond like a Dualstream gateway"),
        (responding("", status=404), Refused, "HTTP 404"),
        (responding('{"error": {"code": "auth_error", "message": "No."}}', status=401), Refused, "No."),
        (
            responding('event: error\ndata: {"code": "forbidden", "message": "This needs the role."}\n\n'),
            Refused,
            "This needs the role.",
        ),
    ],
)
async def test_what_is_wrong_is_an_error(handler: Handler, kind: type[Exception], message: str) -> None:
    async with feed_of(handler) as feed:
        with pytest.raises(kind, match=message):
            async for _ in feed.events():
                pass


async def test_a_lost_connection_is_made_again_after_the_first_event() -> None:
    calls = 0

    async def respond(_request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls == 2:
            return web.Response(status=503, text='{"error": {"code": "shutting_down", "message": "Soon."}}')
        if calls == 4:
            return web.Response(status=403, text='{"error": {"code": "forbidden", "message": "No more."}}')
        return web.Response(text=SNAPSHOT, content_type="text/event-stream")

    events, problems, waits = list[str](), list[str](), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    async with feed_of(respond) as feed:
        with pytest.raises(Refused) as refused:
            await feed.follow(lambda name, _data: events.append(name), problems.append, sleep)
    assert refused.value.code is Code.FORBIDDEN
    assert events == ["snapshot", "snapshot"]
    assert [problem.split()[-1] for problem in problems] == ["ended", "Soon.", "ended"]
    assert waits == [1.0] * 3


async def test_without_any_event_the_first_failure_is_final() -> None:
    async with feed_of(responding("")) as feed:
        with pytest.raises(ConnectionLost):
            await feed.follow(lambda _name, _data: None, lambda _problem: None)
