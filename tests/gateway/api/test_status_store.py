"""What clients and load balancers are told while the shared store can't be used."""

from collections.abc import AsyncIterator

import pytest

from gateway.config import Settings
from gateway.store.logs import Position
from gateway.store.memory import MemoryStore
from tests.gateway.api.openapi.test_response_bodies import validated
from tests.gateway.store.faulty_store import FaultyStore
from tests.manual_clock import ManualClock
from tests.served.gateway import Configure, Served, configure, protocols, serving, settings
from tests.served.viewers import until

__all__ = ["configure", "protocols", "settings"]

BODY = {"messages": [{"role": "user", "content": "hello"}]}
_START = Position()
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore(ManualClock()))


@pytest.fixture
async def served(settings: Settings, configure: Configure, store: FaultyStore) -> AsyncIterator[Served]:
    async with serving(settings, ManualClock(), configure, store) as gateway:
        yield gateway


async def lose(served: Served, store: FaultyStore) -> None:
    """Fail the store, and wait until the gateway knows."""
    store.faults.fail()
    await served.advance(2)
    assert served.replica is not None
    assert not served.replica.health.is_up


async def test_it_is_ready_while_the_store_can_be_used(served: Served, store: FaultyStore) -> None:
    async with served.http.get("/ready") as response:
        assert (response.status, await validated("/ready", response)) == (200, {"status": "ready"})
    await lose(served, store)
    async with served.http.get("/ready") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert await validated("/ready", response) == {"status": "store unavailable"}
    async with served.http.get("/health") as response:
        assert response.status == 200
    store.faults.heal()
    await served.advance(1)
    async with served.http.get("/ready") as response:
        assert response.status == 200


async def test_the_statistics_show_the_store(served: Served, store: FaultyStore) -> None:
    async with served.http.get("/api/stats") as response:
        figures = (await validated("/api/stats", response))["store"]
        assert served.replica is not None
        assert figures == {
            "gateway": served.replica.name,
            "up": True,
            "fault": None,
            "down_seconds": None,
            "outages": 0,
            "gateways": 1,
            "unwritten": 0,
        }
    await lose(served, store)
    async with served.http.get("/api/stats") as response:
        figures = (await validated("/api/stats", response))["store"]
        assert (figures["up"], figures["fault"], figures["outages"]) == (False, "unreachable", 1)


async def test_a_start_is_refused_for_now(served: Served, store: FaultyStore) -> None:
    await lose(served, store)
    async with served.http.post("/api/chat/stream", json=BODY) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        error = (await response.json())["error"]
        assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("server_error", True, 1000)
    assert served.upstream.calls == []


@pytest.mark.parametrize("path", ["/api/generations/g_unknown", "/api/generations/g_unknown/events"])
async def test_a_generation_that_may_be_in_the_store_is_not_called_lost(
    served: Served, store: FaultyStore, path: str
) -> None:
    async with served.http.get(path) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "generation_lost")
    await lose(served, store)
    async with served.http.get(path) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert (await response.json())["error"]["code"] == "server_error"


async def test_an_event_source_comes_back(served: Served, store: FaultyStore) -> None:
    await lose(served, store)
    async with served.http.get("/api/generations/g_unknown/events", headers=EVENTS) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        lines = (await response.text()).splitlines()
    assert "event: rejected" in lines
    assert any(line.startswith("retry: ") for line in lines)
    assert not any(line.startswith("id:") for line in lines)


class TestLocal:
    """With `store_down` of `local`."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"store_down": "local"})

    async def test_it_stays_ready_and_says_so(self, served: Served, store: FaultyStore) -> None:
        await lose(served, store)
        async with served.http.get("/ready") as response:
            assert (response.status, await validated("/ready", response)) == (
                *(200, {"status": "ready without its store"}),
            )

    async def test_starts_are_served(self, served: Served, store: FaultyStore) -> None:
        await lose(served, store)
        async with served.http.post("/api/chat/stream", json=BODY) as response:
            await served.called()
            served.upstream.last.send("one")
            served.upstream.last.finish()
            assert '"content":"one"' in await response.text()
        await until(lambda: not served.hub.running)
        generation_id = served.only.id
        store.faults.heal()
        await served.advance(1)
        assert not await store.logs.owned(served.replica.name if served.replica else "")
        assert generation_id in await store.logs.read({generation_id: _START})
