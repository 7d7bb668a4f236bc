"""The routes of the console, and who may use them."""

from pathlib import Path

import pytest

from gateway.config import Settings
from tests.gateway.api.console.readers import console
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served

__all__ = ["clients", "keys_file", "protocols"]

PATHS = ["/api/console/events", "/api/console/history", "/api/console/recent"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


@pytest.mark.parametrize("path", PATHS)
async def test_only_operators_may_use_them(clients: Clients, path: str) -> None:
    for session, status in (
        (clients.session(None), 401),
        (clients.named("alice"), 403),
        (clients.named("watcher"), 403),
    ):
        async with session.get(path) as response:
            assert response.status == status


async def test_a_ticket_for_one_generation_does_not_suffice(clients: Clients, served: Served) -> None:
    operator = clients.named("operator")
    async with operator.post("/api/generations", json=BODY) as response:
        ticket = (await response.json())["ticket"]
    await served.called()
    for path in PATHS:
        async with clients.session(None).get(path, params={"ticket": ticket}) as response:
            assert response.status in {401, 403}
    served.upstream.last.finish()


async def test_the_past_is_read_as_documents(clients: Clients, served: Served) -> None:
    viewer = clients.viewer("sse", "alice")
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Hello")
    await viewer.until("chunk")
    served.clock.advance(0.5)
    served.upstream.last.send(" there")
    served.upstream.last.finish()
    await viewer.to_end()
    async with clients.named("operator").get("/api/console/recent") as response:
        [summary] = (await response.json())["recent"]
    assert (summary["id"], summary["end"], summary["principal"], summary["gateway"]) == (
        *(viewer.generation_id, "complete", "key:alice"),
        "" if served.replica is None else served.replica.name,
    )
    assert [attempt["ended"] for attempt in summary["attempts"]] == ["answered"]
    async with clients.named("operator").get("/api/console/history?after=0") as response:
        history = await response.json()
    assert [(bucket["at"], bucket["complete"]) for bucket in history["buckets"]] == [(1000, 1)]
    assert history["missing"] == []
    [bucket] = history["buckets"]
    assert (sum(bucket["ttft"]), sum(bucket["gaps"])) == (1, 1)
    assert len(bucket["gaps"]) == len(history["gap_bounds_ms"]) + 1
    within = history["gap_bounds_ms"][bucket["gaps"].index(1)]
    assert 500 <= within < 1000
    async with clients.named("operator").get("/api/console/history?after=1010") as response:
        assert (await response.json())["buckets"] == []


@pytest.mark.parametrize("after", ["soon", "-1", "nan", "1e99"])
async def test_a_time_must_be_one(clients: Clients, after: str) -> None:
    async with clients.named("operator").get(f"/api/console/history?after={after}") as response:
        assert response.status == 400
        assert (await response.json())["error"]["param"] == "after"


async def test_a_look_at_an_answer_does_not_change_how_it_runs(clients: Clients, served: Served) -> None:
    viewer = clients.viewer("sse", "alice")
    await viewer.start({**BODY, "options": {"on_disconnect": "cancel"}})
    await served.called()
    path = f"/api/generations/{viewer.generation_id}/events"
    async with clients.named("alice").get(f"{path}?watch=true") as response:
        assert response.status == 403
    async with clients.named("operator").get(f"{path}?watch=true") as response:
        assert (await response.content.readline()).startswith(b"event: accepted")
        assert served.hub.viewers == 1
        # It does not keep it running, either.
        await viewer.leave()
        body = await response.read()
    assert b"event: interrupted" in body


async def test_the_page_needs_no_credential(clients: Clients) -> None:
    async with clients.session(None).get("/console") as response:
        assert response.status == 200
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]


async def test_an_operator_without_consoles_costs_nothing(clients: Clients, served: Served) -> None:
    pending = served.clock.pending
    async with console(clients.named("operator")) as reader:
        await reader.next()
    await served.advance(2)
    assert served.clock.pending <= pending
