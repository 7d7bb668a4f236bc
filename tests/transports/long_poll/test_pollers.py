"""A client that polls is one viewer, also between two polls, and has left when its next poll does not come."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import Settings
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.long_poll.test_transport import Polling, begun, waits

__all__ = ["clients", "keys_file", "protocols"]

LEASE = 10.0


@pytest.mark.parametrize("policy", ["cancel", "grace"])
async def test_the_pause_between_two_polls_is_no_leaving(served: Served, policy: str) -> None:
    client = await begun(served, {**BODY, "options": {"on_disconnect": policy}})
    position: object = ""
    for _ in range(20):
        position = (await client.poll(position))["position"]
        assert served.hub.viewers == served.streams.open == 1
        served.clock.advance(LEASE - 1)
        assert served.hub.viewers == served.streams.open == 1
    assert served.only.state == "waiting"


@pytest.mark.parametrize(("policy", "seconds"), [("cancel", 0), ("grace", 60)])
async def test_a_client_that_does_not_come_back_has_left(served: Served, policy: str, seconds: float) -> None:
    client = await begun(served, {**BODY, "options": {"on_disconnect": policy}})
    await client.poll()
    served.clock.advance(LEASE)
    await until(lambda: served.hub.viewers == served.streams.open == 0)
    if seconds:
        assert served.only.state == "waiting"
        served.clock.advance(seconds)
    await until(lambda: served.only.state == "interrupted")


async def test_a_client_that_breaks_a_waiting_poll_has_left_at_once(served: Served) -> None:
    client = await begun(served, {**BODY, "options": {"on_disconnect": "cancel"}})
    waiting = client.waiting(2)
    await waits(served)
    assert served.hub.viewers == served.streams.open == 1
    waiting.cancel()
    await until(lambda: served.only.log.ended)
    assert served.hub.viewers == 0
    await until(lambda: served.streams.open == 0)


async def test_a_poll_from_inside_the_last_response_is_of_the_same_client(served: Served) -> None:
    client = await begun(served)
    for after in ("", "", 1, 1, 2, 2):
        await client.poll(after)
        assert served.hub.viewers == served.streams.open == 1
    # It never had this position: another client.
    await client.poll("")
    assert served.hub.viewers == served.streams.open == 2


async def test_each_of_several_clients_is_a_viewer(served: Served) -> None:
    client = await begun(served)
    waiting = [client.waiting(2) for _ in range(3)]
    await until(lambda: served.only.log.readers == served.hub.viewers == 3)
    served.upstream.last.send("Hi")
    await asyncio.gather(*waiting)
    assert served.hub.viewers == served.streams.open == 3
    again = [client.waiting(3) for _ in range(3)]
    await until(lambda: served.only.log.readers == 3)
    assert served.hub.viewers == 3
    served.upstream.last.finish()
    assert all(answer["ended"] for answer in await asyncio.gather(*again))
    assert served.hub.viewers == served.streams.open == 0


async def test_a_client_that_polled_and_one_that_streams_are_two(served: Served) -> None:
    client = await begun(served, {**BODY, "options": {"on_disconnect": "cancel"}})
    await client.poll()
    async with served.http.get(f"/api/generations/{client.id}/events") as response:
        await response.content.readany()
        assert served.hub.viewers == 2
        served.clock.advance(LEASE)
        await until(lambda: served.hub.viewers == 1)
        assert served.only.state == "waiting"
    await until(lambda: served.only.log.ended)


class TestLimits:
    """Streams of one principal: a client that polls holds its place between two polls."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file).model_copy(update={"max_streams_per_client": 2})

    async def test_a_client_keeps_its_place(self, clients: Clients, served: Served) -> None:
        alice = clients.named("alice")
        pollers = [Polling(alice) for _ in range(3)]
        for poller in pollers:
            await poller.start()
        positions = [(await poller.poll())["position"] for poller in pollers[:2]]
        status, answer = await pollers[2].request({})
        error = answer["error"]
        assert isinstance(error, dict)
        assert (status, error["code"], error["retryable"]) == (429, "rate_limit", True)
        for poller, position in zip(pollers, positions, strict=False):
            await poller.poll(position)
        served.clock.advance(LEASE)
        await until(lambda: served.streams.open == 0)
        await pollers[2].poll()
        await served.hub.close()

    async def test_another_principal_takes_no_place_of_it(self, clients: Clients, served: Served) -> None:
        alice, watcher = Polling(clients.named("alice")), Polling(clients.named("watcher"))
        await alice.start()
        watcher.id = alice.id
        position = (await alice.poll())["position"]
        await watcher.poll(position)
        assert served.hub.viewers == served.streams.open == 2
        await served.hub.close()
