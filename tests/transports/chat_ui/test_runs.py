"""Runs are found by the ids of their clients, stopped, and theirs alone."""

from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.protocol.events import Interrupted
from tests.served.clients import Clients, clients, keys_file, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.shared_store import not_with_redis
from tests.transports.chat_ui.clients import AG_UI, TANSTACK, answered, frames_of, posted, run_input

__all__ = ["clients", "keys_file"]

PATHS = [(AG_UI, "threadId=t"), (TANSTACK, "runId=r")]


@pytest.mark.parametrize(("path", "query"), PATHS)
async def test_a_stop_cancels_the_run(served: Served, path: str, query: str) -> None:
    async with posted(served, path, run_input()) as task:
        served.upstream.last.send("Xin ")
        response = await task
        async with served.http.delete(f"{path}?{query}") as stopped:
            assert stopped.status == 202
            assert (await stopped.json())["generation_id"] == served.only.id
        *_, last = frames_of(await response.read())
    assert last.data["outcome"] == {"type": "cancelled"}
    assert isinstance(served.only.end, Interrupted)
    assert served.upstream.open_calls == 0


@pytest.mark.parametrize(("path", "query"), PATHS)
async def test_a_stop_of_what_is_over_changes_nothing(served: Served, path: str, query: str) -> None:
    await answered(served, path)
    async with served.http.delete(f"{path}?{query}") as stopped:
        assert (stopped.status, (await stopped.json())["state"]) == (202, "complete")


@pytest.mark.parametrize(("path", "query"), PATHS)
async def test_a_stop_of_what_is_not_known(served: Served, path: str, query: str) -> None:
    async with served.http.delete(f"{path}?{query}") as stopped:
        assert stopped.status == 404
        assert (await stopped.json())["error"]["code"] == "generation_lost"
    async with served.http.delete(path) as stopped:
        assert stopped.status == 400
        assert (await stopped.json())["error"]["param"] in query


@not_with_redis("It drops what it keeps by its own clock.")
@pytest.mark.parametrize(("path", "query"), PATHS)
async def test_a_run_that_is_dropped_is_forgotten(served: Served, path: str, query: str) -> None:
    await answered(served, path)
    served.clock.advance(10_000)
    async with served.http.get(f"{path}?{query}&offset=-1") as joined:
        assert joined.status == 404


class TestAtTheCommandRate:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_commands_per_second": 2})

    @pytest.mark.parametrize(("path", "query"), PATHS)
    async def test_what_costs_money_can_still_be_stopped(self, served: Served, path: str, query: str) -> None:
        async with posted(served, path, run_input()) as task:
            served.upstream.last.send("Xin ")
            await task
            statuses = []
            for _ in range(10):
                async with served.http.get("/api/ag-ui/capabilities") as response:
                    statuses.append(response.status)
            assert 429 in statuses
            async with served.http.delete(f"{path}?{query}") as stopped:
                assert stopped.status == 202
            async with served.http.delete(f"{path}?{query}") as stopped:
                assert stopped.status == 429

    @pytest.mark.parametrize(("path", "query"), [*PATHS, (TANSTACK, "threadId=t")])
    async def test_reading_a_run_again_is_no_command(self, served: Served, path: str, query: str) -> None:
        await answered(served, path)
        offset = "" if "threadId" in query else "&offset=-1"
        for _ in range(10):
            async with served.http.get(f"{path}?{query}{offset}") as joined:
                assert joined.status == 200


class TestWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    @pytest.mark.parametrize(("path", "query"), PATHS)
    async def test_another_client_finds_none(self, served: Served, clients: Clients, path: str, query: str) -> None:
        alice, bob = clients.named("alice"), clients.named("bob")
        async with posted(served, path, run_input(), alice) as task:
            served.upstream.last.send("secret")
            response = await task
            for method in ("GET", "DELETE"):
                async with bob.request(method, f"{path}?{query}&offset=-1") as refused:
                    assert refused.status == 404
            async with alice.get(f"{path}?{query}&offset=-1") as joined:
                served.upstream.last.finish()
                assert b"secret" in await joined.read()
            await response.read()
        await until(lambda: served.only.log.ended)

    async def test_the_id_of_an_event_opens_nothing_to_another_client(self, served: Served, clients: Clients) -> None:
        alice, bob = clients.named("alice"), clients.named("bob")
        async with posted(served, TANSTACK, run_input(), alice) as task:
            served.upstream.last.send("secret")
            served.upstream.last.finish()
            first, *_ = frames_of(await (await task).read())
        headers = {"Last-Event-ID": first.id}
        async with bob.post(TANSTACK, json=run_input(), headers=headers) as refused:
            assert refused.status == 404
        async with alice.post(TANSTACK, json=run_input(), headers=headers) as resumed:
            assert b"secret" in await resumed.read()


@pytest.mark.parametrize("path", [AG_UI, TANSTACK])
async def test_a_request_that_is_kept_counts_as_memory_of_prompts(served: Served, path: str) -> None:
    unread = {"id": "a", "role": "activity", "content": {"x": "a" * 10_000}}
    body = run_input()
    async with posted(served, path, {**body, "messages": [*body["messages"], unread]}):
        await until(lambda: served.hub.prompts.used > 10_000)
        served.upstream.last.finish()
        await until(lambda: served.only.end is not None and served.hub.prompts.used == 0)
