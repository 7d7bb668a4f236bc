"""TanStack AI over server-sent events: a run, and a client that comes back to it."""

import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted
from tests.gateway.dialects.ag_ui.verifier import verify
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.clients import TANSTACK, answered, frames_of, posted, read_until, run_input, text_of

__all__ = ["protocols"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without retries: the first failure is the end."""
    return settings.model_copy(update={"retry_within": 0})


async def test_every_event_has_an_id(served: Served) -> None:
    sent = await answered(served, TANSTACK)
    verify([frame.data for frame in sent])
    assert [frame.id for frame in sent] == [f"{served.only.id}.{number}" for number in range(1, len(sent) + 1)]


async def test_a_client_has_an_id_before_the_content(served: Served) -> None:
    async with posted(served, TANSTACK, run_input()) as task:
        (first,) = frames_of(await read_until(await task, b"RUN_STARTED"))
        assert first.id == f"{served.only.id}.1"
        served.upstream.last.send("Xin ")
        served.upstream.last.finish()


@pytest.mark.parametrize("pieces", [("a", "b"), tuple("abcdefghijklmnopqrstuvwxyz")], ids=["few", "joined"])
async def test_a_client_comes_back_to_any_event(served: Served, pieces: tuple[str, ...]) -> None:
    sent = await answered(served, TANSTACK, *pieces)
    for at, frame in enumerate(sent, 1):
        headers = {"Last-Event-ID": frame.id}
        async with served.http.post(TANSTACK, json=run_input(), headers=headers) as response:
            assert [*frames_of(await response.read())] == sent[at:]
        async with served.http.get(f"{TANSTACK}?offset={frame.id}&runId=r") as response:
            assert [*frames_of(await response.read())] == sent[at:]
    assert len(served.upstream.calls) == 1


async def test_a_client_comes_back_while_the_run_goes_on(served: Served) -> None:
    async with posted(served, TANSTACK, run_input()) as task:
        served.upstream.last.send("Xin ")
        response = await task
        first = [*frames_of(await read_until(response, b"Xin "))]
        response.close()
        headers = {"Last-Event-ID": first[-1].id}
        async with served.http.post(TANSTACK, json=run_input(), headers=headers) as resumed:
            served.upstream.last.send("chào")
            served.upstream.last.finish()
            rest = [*frames_of(await resumed.read())]
    events = [frame.data for frame in (*first, *rest)]
    verify(events)
    assert text_of(events) == "Xin chào"


async def test_a_client_joins_from_the_start(served: Served) -> None:
    sent = await answered(served, TANSTACK)
    async with served.http.get(f"{TANSTACK}?offset=-1&runId=r") as response:
        assert [*frames_of(await response.read())] == sent


async def test_a_client_that_leaves_has_a_grace_period(served: Served) -> None:
    async with posted(served, TANSTACK, run_input()) as task:
        served.upstream.last.send("Xin ")
        (await task).close()
        await until(lambda: served.hub.viewers == 0)
        assert not served.only.log.ended
        served.clock.advance(1000)
        await until(lambda: served.only.log.ended)
    assert isinstance(served.only.end, Interrupted)


@pytest.mark.parametrize("code", [Code.TRUNCATED, Code.SERVER_ERROR])
async def test_no_failure_is_a_cut_from_which_a_client_would_come_back(served: Served, code: Code) -> None:
    async with posted(served, TANSTACK, run_input()) as task:
        served.upstream.last.send("Xin ")
        response = await task
        served.upstream.last.fail(Failed(code, "It failed."))
        *_, last = frames_of(await response.read())
    assert (last.data["type"], last.data["code"], last.data["runId"]) == ("RUN_ERROR", code.value, "r")


async def test_feedback_has_the_conversation_also_for_a_client_that_comes_back(served: Served) -> None:
    async with posted(served, TANSTACK, run_input()) as task:
        served.upstream.last.send("Wrong")
        response = await task
        path = f"/api/generations/{served.only.id}/feedback"
        async with served.http.post(path, json={"text": "No."}) as feedback:
            assert feedback.status == 202
        await served.called(2)
        served.upstream.last.send("Right")
        served.upstream.last.finish()
        sent = [*frames_of(await response.read())]
    async with served.http.get(f"{TANSTACK}?offset=-1&runId=r") as joined:
        assert [*frames_of(await joined.read())] == sent
    (snapshot,) = (frame.data for frame in sent if frame.data["type"] == "MESSAGES_SNAPSHOT")
    assert snapshot["messages"] == run_input()["messages"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?offset=x", 400), ("?offset=-1", 404), ("?offset=-1&runId=x", 404), ("?offset=g_x.3", 404)],
)
async def test_what_is_refused(served: Served, query: str, status: int) -> None:
    async with served.http.get(TANSTACK + query) as refused:
        assert refused.status == status
        assert "error" in await refused.json()
    headers = {"Last-Event-ID": query.removeprefix("?offset=").partition("&")[0] or "x"}
    async with served.http.post(TANSTACK, json=run_input(), headers=headers) as refused:
        assert refused.status in {400, 404}
    assert served.upstream.calls == []


async def test_a_run_of_another_protocol_is_none_of_its(served: Served) -> None:
    await answered(served, "/api/ag-ui")
    async with served.http.get(f"{TANSTACK}?offset={served.only.id}.1") as refused:
        assert refused.status == 404


class TestHydration:
    """A page that is loaded again gets its conversation by the id of its thread (`persistence: true`)."""

    async def test_of_a_run_that_is_over(self, served: Served) -> None:
        await answered(served, TANSTACK)
        async with served.http.get(f"{TANSTACK}?threadId=t") as response:
            hydration = await response.json()
        assert hydration["activeRun"] is None
        question, answer = hydration["messages"]
        assert question["parts"] == [{"type": "text", "content": "Hello"}]
        assert answer["parts"] == [{"type": "text", "content": "Xin chào"}]

    async def test_of_a_run_that_goes_on(self, served: Served) -> None:
        async with posted(served, TANSTACK, run_input()) as task:
            served.upstream.last.send("Xin ")
            await task
            async with served.http.get(f"{TANSTACK}?threadId=t") as response:
                hydration = await response.json()
            assert hydration["activeRun"] == {"runId": "r"}
            assert len(hydration["messages"]) == 1
            served.upstream.last.finish()

    async def test_of_a_thread_that_is_not_known(self, served: Served) -> None:
        async with served.http.get(f"{TANSTACK}?threadId=x") as response:
            assert await response.json() == {"messages": [], "activeRun": None, "interrupts": None}
