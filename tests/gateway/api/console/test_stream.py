"""The stream of a console: what it shows, and everything that ends it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from gateway.api.console.stream import ConsoleStream
from gateway.api.console.ticker import Ticker
from gateway.api.console.view import View
from gateway.api.context import PRINCIPAL
from gateway.api.services import Services
from gateway.config import Settings
from gateway.replicas.generations import Generations
from gateway.security.api_keys import StoredKey
from gateway.security.authenticator import ApiKeyScheme
from tests.event_loop import settle
from tests.gateway.api.console.readers import console
from tests.gateway.pipeline.one_target import one_target
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, stored_key, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.shared_store import TEST_STORE
from tests.start_requests import ANONYMOUS

__all__ = ["clients", "keys_file", "protocols"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


async def test_it_shows_what_runs_and_what_changes(clients: Clients, served: Served) -> None:
    viewer = clients.viewer("sse", "alice")
    await viewer.start(BODY)
    await served.called()
    async with console(clients.named("operator")) as reader:
        name, data = await reader.next() or ("", {})
        [row], [gateway] = data["running"], data["gateways"]
        assert (name, row["principal"], row["transport"], row["state"]) == ("snapshot", "key:alice", "sse", "waiting")
        assert row["viewers"] == {"sse": 1}
        store = "up" if TEST_STORE else "none"
        assert (gateway["running"], gateway["streams"], gateway["store"], gateway["here"]) == (1, 2, store, True)
        served.upstream.last.send("Hello")
        await viewer.until("chunk")
        await served.advance(1)
        name, data = await reader.next() or ("", {})
        assert (name, data["running"][0]["state"], data["running"][0]["chars"]) == ("change", "streaming", 5)
        assert "model" not in data["running"][0]
        served.upstream.last.finish()
        await viewer.to_end()
        await served.advance(1)
        _, data = await reader.next() or ("", {})
        assert data["gone"] == [row["id"]]
        assert [(end["id"], end["end"]) for end in data["ended"]] == [(row["id"], "complete")]


async def test_silence_is_filled_with_heartbeats(clients: Clients, served: Served, settings: Settings) -> None:
    async with console(clients.named("operator")) as reader:
        await reader.next()
        await served.advance(settings.heartbeat + 2)
        async with asyncio.timeout(10):
            assert await reader.response.content.readany() == b": hb\n"


async def test_it_ends_when_its_key_is_revoked(clients: Clients, served: Served) -> None:
    async with console(clients.named("operator")) as reader:
        await reader.next()
        keys: list[StoredKey] = [stored_key("alice")]
        served.reloader._authenticator.replace_schemes([ApiKeyScheme(keys)])
        await served.advance(1)
        assert await reader.next() is None


async def test_it_ends_when_the_gateway_shuts_down(clients: Clients, served: Served) -> None:
    async with console(clients.named("operator")) as reader:
        await reader.next()
        await served.hub.close()
        assert await reader.next() is None


async def test_it_ends_when_clients_are_sent_to_other_gateways(clients: Clients, served: Served) -> None:
    async with console(clients.named("operator")) as reader:
        await reader.next()
        served.hub.departures.begin()
        await served.advance(2)
        assert await reader.next() is None


async def test_nothing_is_left_of_a_client_that_leaves(clients: Clients, served: Served) -> None:
    async with console(clients.named("operator")) as reader:
        await reader.next()
        assert served.streams.open == 1
        reader.response.close()
    await until(lambda: served.streams.open == 0)


async def _never() -> Message:
    await asyncio.Event().wait()
    return {}


async def test_a_client_that_does_not_read_is_given_up() -> None:
    async with one_target() as harness:
        services = Services(harness.hub, Generations(harness.hub), harness.clock, viewer_timeout=5)

        async def collect() -> View:
            return View(1.0)

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        ticker = Ticker(collect, harness.clock)
        scope: dict[str, Any] = {"type": "http", "headers": [], "client": ("1.2.3.4", 5), PRINCIPAL: ANONYMOUS}
        serving = asyncio.create_task(ConsoleStream(services, ticker)(scope, _never, send))
        await settle()
        assert ticker.consoles == 1
        await _advance(harness.clock.advance, 6)
        await serving
        assert ticker.consoles == 0


async def _advance(advance: Callable[[float], None], seconds: int) -> None:
    for _ in range(seconds):
        advance(1)
        await settle()
