"""Tickets that are issued on one gateway of a deployment, and used on others."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.security.tickets import invalid_ticket
from tests.gateway.api.test_tickets import START, Source, ticket
from tests.served.clients import Clients, clients, keys_file, with_keys
from tests.served.gateway import Served
from tests.served.pair import Pair, pair
from tests.served.viewers import until

__all__ = ["clients", "keys_file", "pair"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


@pytest.fixture
def served(pair: Pair) -> Served:
    """Return the gateway that the tickets are requested from."""
    return pair.first


async def test_a_ticket_starts_one_generation_wherever_it_is_used_and_goes_on_to_read_it(
    pair: Pair, clients: Clients
) -> None:
    url = START + await ticket(clients, scope="start")
    source = Source(pair.second, url)
    assert await source.connect() == 200
    await source.read("accepted")
    pair.second.upstream.last.send("Xin ")
    await source.read("chunk")
    source.abort()
    # An EventSource connects to the same URL again, and comes to the other gateway.
    again = Source(pair.first, url)
    again.last_event_id = source.last_event_id
    assert await again.connect() == 200
    pair.second.upstream.last.send("chào")
    assert (await again.read("chunk"))["content"] == "chào"
    again.abort()
    assert pair.first.hub.statistics.started + pair.second.hub.statistics.started == 1


async def test_a_ticket_that_is_used_on_two_gateways_at_once_starts_one_generation(
    pair: Pair, clients: Clients
) -> None:
    url = START + await ticket(clients, scope="start")
    sources = [Source(gateway, url) for gateway in (pair.first, pair.second)]
    await asyncio.gather(*(source.connect() for source in sources))
    await until(lambda: pair.first.hub.running + pair.second.hub.running == 1)
    for source in sources:
        source.abort()
    assert pair.first.hub.statistics.started + pair.second.hub.statistics.started == 1


async def test_a_ticket_for_one_generation_reads_it_elsewhere_and_nothing_else(pair: Pair, clients: Clients) -> None:
    generation = [await _started(clients) for _ in range(2)]
    text = await ticket(clients, generation_id=generation[0])
    assert await Source(pair.second, _read(generation[1], text)).refused() == invalid_ticket().message
    source = Source(pair.second, _read(generation[0], text))
    assert await source.connect() == 200
    await source.read("accepted")
    source.abort()
    assert await Source(pair.first, _read(generation[0], text)).refused() == invalid_ticket().message


async def _started(clients: Clients) -> str:
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    async with clients.named("alice").post("/api/generations", json=body) as response:
        return str((await response.json())["id"])


def _read(generation_id: str, text: str) -> str:
    return f"/api/generations/{generation_id}/events?ticket={text}"
