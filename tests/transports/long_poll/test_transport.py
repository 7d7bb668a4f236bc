"""Long polls over HTTP: what a request may ask for, and what it is answered."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

__all__ = ["clients", "keys_file", "protocols"]


class Polling:
    """A client that polls when it is told to."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.id = ""

    async def start(self, body: JsonObject = BODY) -> None:
        async with self.http.post("/api/generations", json=body) as response:
            started = await response.json()
        self.id = started["id"]
        assert started["urls"]["poll"] == self.path

    @property
    def path(self) -> str:
        return f"/api/generations/{self.id}/poll"

    async def poll(self, after: object = "", wait: object = 0, **others: str) -> JsonObject:
        status, answer = await self.request({"after": str(after), "wait": str(wait), **others})
        assert status == 200, answer
        return answer

    async def request(self, parameters: Mapping[str, str]) -> tuple[int, JsonObject]:
        async with asyncio.timeout(10), self.http.get(self.path, params=parameters) as response:
            answer: JsonObject = await response.json()
            return response.status, answer

    def waiting(self, after: object, wait: object = 25) -> "asyncio.Task[JsonObject]":
        return asyncio.create_task(self.poll(after, wait))


def types(answer: JsonObject) -> list[object]:
    events = answer["events"]
    assert isinstance(events, list)
    return [event["type"] for event in events]


async def begun(served: Served, body: JsonObject = BODY) -> Polling:
    """Start a generation, and read what came before its first text."""
    client = Polling(served.http)
    await client.start(body)
    await served.called()
    await until(lambda: served.only.log.last == 2)
    return client


async def waits(served: Served) -> None:
    """Wait until a poll waits in the gateway."""
    await until(lambda: served.only.log.readers)


async def test_a_poll_answers_at_once_with_everything_that_there_is(served: Served) -> None:
    client = await begun(served)
    answer = await client.poll(wait=25)
    assert types(answer) == ["accepted", "start"]
    assert (answer["position"], answer["ended"]) == (f"{client.id}:2", False)
    events = answer["events"]
    assert isinstance(events, list)
    assert [(event["generation_id"], event["seq"]) for event in events] == [(client.id, 1), (client.id, 2)]


async def test_a_poll_waits_for_the_next_event(served: Served) -> None:
    client = await begun(served)
    waiting = client.waiting(f"{client.id}:2")
    await waits(served)
    served.upstream.last.send("Xin chào")
    answer = await waiting
    assert (types(answer), answer["position"]) == (["chunk"], f"{client.id}:3")
    assert served.only.log.readers == 0


async def test_a_poll_without_events_answers_after_its_time_or_that_of_the_gateway(served: Served) -> None:
    client = await begun(served)
    for wait, seconds in ((3, 3), (600, 25)):
        waiting = client.waiting(2, wait)
        await waits(served)
        served.clock.advance(seconds - 1)
        assert not waiting.done()
        served.clock.advance(1)
        assert await waiting == {"events": [], "position": f"{client.id}:2", "ended": False}
    assert (await client.poll(2))["events"] == []


async def test_the_end_is_told_with_the_last_event_and_again(served: Served) -> None:
    client = await begun(served)
    served.upstream.last.send("Hi")
    served.upstream.last.finish()
    await until(lambda: served.only.log.ended)
    answer = await client.poll(2, 25)
    assert (types(answer), answer["ended"]) == (["chunk", "complete"], True)
    again = await client.poll(answer["position"], 25)
    assert again == {"events": [], "position": answer["position"], "ended": True}
    assert served.hub.viewers == 0


async def test_a_viewer_that_is_behind_gets_text_joined_in_responses_of_bounded_size(served: Served) -> None:
    client = await begun(served)
    piece = "đủ dài " * 200
    for _ in range(400):
        served.upstream.last.send(piece)
        await until(lambda: not served.upstream.last._reads.qsize())
    served.upstream.last.finish()
    await until(lambda: served.only.log.ended)
    position, text, polls, ended = f"{client.id}:0", "", 0, False
    while not ended:
        async with served.http.get(client.path, params={"after": position}) as response:
            body = await response.read()
            assert len(body) < 300_000
            assert response.headers["Content-Length"] == str(len(body))
            answer = await response.json()
        text += "".join(event["content"] for event in answer["events"] if event["type"] == "chunk")
        position, ended, polls = answer["position"], answer["ended"], polls + 1
    assert text == piece * 400
    assert polls == 4


async def test_no_cache_keeps_an_answer(served: Served) -> None:
    client = await begun(served)
    async with served.http.get(client.path, headers={"X-Request-ID": "mine"}) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Type"] == "application/json"
        assert (response.headers["X-Request-ID"], response.headers["X-Generation-ID"]) == ("mine", client.id)
    async with served.http.head(client.path, params={"after": "2", "wait": "25"}) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("parameters", "param", "says"),
    [
        ({"afer": "1"}, "afer", "known are: after, wait"),
        ({"after": "99"}, "after", "has 2 events so far"),
        ({"after": "x"}, "after", "not a position"),
        ({"after": "g_other:1"}, "after", "not a position"),
        ({"wait": "-1"}, "wait", "number of seconds"),
        ({"wait": "nan"}, "wait", "number of seconds"),
        ({"wait": "1e9"}, "wait", "number of seconds"),
        ({"wait": ""}, "wait", "number of seconds"),
    ],
)
async def test_what_is_wrong_with_a_poll_is_named(
    served: Served, parameters: Mapping[str, str], param: str, says: str
) -> None:
    client = await begun(served)
    status, answer = await client.request(parameters)
    error = answer["error"]
    assert isinstance(error, dict)
    assert (status, error["code"], error["param"]) == (400, "invalid_request", param)
    assert says in str(error["message"])
    assert served.hub.viewers == 0


async def test_an_unknown_generation_is_404(served: Served) -> None:
    client = Polling(served.http)
    client.id = "g_unknown"
    status, answer = await client.request({})
    assert (status, answer["error"]["code"]) == (404, "generation_lost")  # type: ignore[index]


async def test_an_interrupt_answers_a_waiting_poll_at_once(served: Served) -> None:
    client = await begun(served)
    waiting = client.waiting(2)
    await waits(served)
    async with served.http.post(f"/api/generations/{client.id}/interrupt") as response:
        assert response.status == 202
    answer = await waiting
    assert (types(answer), answer["ended"]) == (["interrupted"], True)


@pytest.mark.parametrize("how", ["failed", "closed"])
async def test_any_other_end_answers_a_waiting_poll_at_once(served: Served, how: str) -> None:
    client = await begun(served)
    waiting = client.waiting(2)
    await waits(served)
    if how == "failed":
        served.upstream.last.send("word")
        served.upstream.last.fail(Failed(Code.SERVER_ERROR, "no more"))
    else:
        await served.hub.close()
    answer = await waiting
    while not answer["ended"]:
        answer = await client.poll(answer["position"], 25)
    assert types(answer)[-1] == "error"


async def test_a_client_that_drains_with_the_gateway_reads_the_end(served: Served) -> None:
    client = await begun(served)
    draining = asyncio.create_task(served.hub.drain(10))
    position = (await client.poll())["position"]
    served.upstream.last.send("Hi")
    served.upstream.last.finish()
    await until(lambda: served.only.log.ended)
    # The client is between two polls: the gateway waits for it.
    assert not draining.done()
    assert (await client.poll(position))["ended"]
    await draining


async def test_a_gateway_that_ends_does_not_wait_for_a_client_that_does_not_come(served: Served) -> None:
    client = await begun(served)
    await client.poll()
    draining = asyncio.create_task(served.hub.drain(5))
    await asyncio.sleep(0)
    # Less than the lease of a client that polls.
    served.clock.advance(5)
    await until(lambda: served.only.log.ended)
    assert not draining.done()

    def is_drained() -> bool:
        served.clock.advance(1)
        return draining.done()

    await until(is_drained)
    assert served.hub.viewers == 0


class TestTickets:
    """A page without a key may poll with a ticket in the URL."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def test_a_ticket_polls_its_generation_from_a_position(self, clients: Clients, served: Served) -> None:
        async with clients.named("alice").post("/api/generations", json=BODY) as response:
            started = await response.json()
        stranger = Polling(clients.session(None))
        stranger.id = started["id"]
        await served.called()
        position = f"{stranger.id}:0"
        for _ in range(2):
            answer = await stranger.poll(position, ticket=started["ticket"])
            position = str(answer["position"])
        status, _ = await stranger.request({"ticket": started["ticket"]})
        assert status == 401
        status, _ = await stranger.request({"after": position})
        assert status == 401
        bob = Polling(clients.named("bob"))
        bob.id = stranger.id
        assert (await bob.request({"after": position}))[0] == 404
        await served.hub.close()
