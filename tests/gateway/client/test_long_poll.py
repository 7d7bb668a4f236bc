"""Long polls: the requests that are sent, and what a reader that stops and goes on does to them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.client.client import AsyncClient
from gateway.client.http_session import HttpSession, HttpSettings
from gateway.client.long_poll import EMPTY_S, LongPollConnector
from gateway.client.retry import Retries
from gateway.protocol.errors import Code, Failed, Refused
from tests.gateway.client.fake_gateway import COMPLETE, HOLD, ID, FakeGateway, listen, log_of, read_all
from tests.served.viewers import until

Answer = Callable[[web.Request], web.Response]


async def test_a_start_posts_and_polls_from_position_to_position(servers: list[TestServer]) -> None:
    queries: list[dict[str, str]] = []
    pieces = iter([[1, 2], [3], [4, 5]])

    class Recording(FakeGateway):
        async def _get_poll(self, request: web.Request) -> web.StreamResponse:
            queries.append(dict(request.query))
            return self._polled(next(pieces), [2, 3, 5][len(queries) - 1])

    harness = await listen(servers, Recording(log_of("a", "b")))
    async with harness.client("poll", idle_s=30) as client:
        answer = await client.start("hi")
        assert [event.type for event in await read_all(answer)] == ["accepted", "start", "chunk", "chunk", "complete"]
        assert (answer.text, answer.transport, answer.terminal) == ("ab", "poll", COMPLETE)
    assert queries == [
        {"after": f"{ID}:0", "wait": "0"},
        {"after": f"{ID}:2", "wait": "15"},
        {"after": f"{ID}:3", "wait": "15"},
    ]


async def test_a_reader_that_is_cancelled_does_not_break_the_poll(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3, HOLD, 4, 5]]))
    async with harness.client("poll") as client:
        answer = await client.start("hi")
        seen = [await anext(answer) for _ in range(3)]
        for _ in range(3):
            reading = asyncio.ensure_future(anext(answer))
            await asyncio.wait({reading}, timeout=0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert not harness.gateway.gone.is_set()
        harness.gateway.stopped.set()
        seen += await read_all(answer)
        assert (seen, answer.attachments) == (log_of("a", "b"), 0)


async def test_the_next_poll_is_under_way_while_events_are_handled_and_is_broken_at_the_end(
    servers: list[TestServer],
) -> None:
    gateway = FakeGateway(log_of("a"), [[1, 2, 3, HOLD]])
    servers.append(server := TestServer(gateway._app()))
    await server.start_server()
    async with AsyncClient(str(server.make_url("/")), transport="poll") as client:
        answer = await client.start("hi")
        await anext(answer)
        await until(lambda: gateway.holding)
        await answer.aclose()
        await asyncio.wait_for(gateway.gone.wait(), 5)


async def test_a_lost_response_is_polled_for_again(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3], []]))
    async with harness.client("poll") as client:
        answer = await client.start("hi")
        assert await read_all(answer) == log_of("a", "b")
        assert answer.attachments >= 1
    assert set(harness.gateway.attached) == {3}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": {}, "position": "g:1"},
        {"events": [5], "position": "g:1"},
        {"events": [{"type": "chunk", "content": "a"}], "position": "g:1"},
        {"events": [{"type": "chunk", "content": "a", "generation_id": ID, "seq": "1"}], "position": "g:1"},
    ],
)
async def test_what_no_gateway_sends_is_an_error(servers: list[TestServer], body: dict[str, object]) -> None:
    app = web.Application()

    async def start(_request: web.Request) -> web.Response:
        return web.json_response({"id": ID}, status=201)

    async def poll(_request: web.Request) -> web.Response:
        return web.json_response(body)

    app.router.add_post("/api/generations", start)
    app.router.add_get("/api/generations/{id}/poll", poll)
    servers.append(server := TestServer(app))
    await server.start_server()
    async with AsyncClient(str(server.make_url("/")), transport="poll", retries=Retries(start_failures=1)) as client:
        with pytest.raises((Refused, Failed)) as raised:
            await client.start("hi")
        assert raised.value.code in {Code.INVALID_REQUEST, Code.NETWORK_ERROR}


async def test_responses_without_events_that_do_not_wait_are_not_asked_for_in_a_row(servers: list[TestServer]) -> None:
    app, polls, sleeping = web.Application(), 0, asyncio.Event()

    async def poll(_request: web.Request) -> web.Response:
        nonlocal polls
        polls += 1
        return web.json_response({"events": [], "position": f"{ID}:1", "ended": False})

    async def sleep(seconds: float) -> None:
        assert seconds == EMPTY_S
        sleeping.set()
        await asyncio.Event().wait()

    app.router.add_get("/api/generations/{id}/poll", poll)
    servers.append(server := TestServer(app))
    await server.start_server()
    http = HttpSession(HttpSettings(server.make_url("/"), None, {}, 5, 5, None))
    feed = await LongPollConnector(http, sleep).attach(ID, 1)
    reading = asyncio.ensure_future(feed.next())
    await asyncio.wait_for(sleeping.wait(), 5)
    assert polls == 2
    await feed.aclose()
    with suppress(Exception):
        await reading
    assert reading.done()
    await http.aclose()
