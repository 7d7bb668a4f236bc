"""AG-UI over HTTP: a run, how it ends, and a client that joins it."""

import asyncio

import aiohttp
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted, Revision
from tests.gateway.dialects.ag_ui.verifier import verify
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.clients import AG_UI, answered, frames_of, posted, read_until, run_input, text_of

__all__ = ["protocols"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without retries: the first failure is the end."""
    return settings.model_copy(update={"retry_within": 0})


async def test_a_run(served: Served) -> None:
    events = [frame.data for frame in await answered(served, AG_UI)]
    verify(events)
    assert text_of(events) == "Xin chào"
    assert events[0]["metadata"]["dualstream"] == {"generation_id": served.only.id, "model": "m"}
    assert events[-1]["outcome"] == {"type": "success"}
    assert events[-1]["usage"][0]["totalTokens"] == 8


async def test_a_failure_before_the_content_is_a_status(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.fail(Failed(Code.SERVER_ERROR, "It failed."))
        response = await task
        assert response.status == 502
        assert (await response.json())["error"]["message"] == "It failed."


async def test_a_failure_after_it_is_an_event(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Xin ")
        response = await task
        served.upstream.last.fail(Failed(Code.SERVER_ERROR, "It failed."))
        *_, last = frames_of(await response.read())
    assert (last.data["type"], last.data["code"]) == ("RUN_ERROR", "server_error")


async def test_a_lost_connection_of_the_provider_is_one_to_the_client(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Xin ")
        response = await task
        served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_client_that_leaves_stops_the_provider_at_once(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Xin ")
        (await task).close()
        await until(lambda: served.only.log.ended)
    assert isinstance(served.only.end, Interrupted)
    assert served.only.end.by == "disconnect"
    assert served.upstream.open_calls == 0


@pytest.mark.parametrize("how", ["header", "props"])
async def test_a_client_may_want_it_to_go_on(served: Served, how: str) -> None:
    props = {"model": "m", **({"on_disconnect": "continue"} if how == "props" else {})}
    headers = {"X-On-Disconnect": "continue"} if how == "header" else {}
    body = run_input(forwardedProps=props)
    task = asyncio.ensure_future(served.http.post(AG_UI, json=body, headers=headers).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ")
    (await task).close()
    await until(lambda: served.hub.viewers == 0)
    served.upstream.last.finish()
    await until(lambda: served.only.log.ended)
    assert served.only.state == "complete"


async def test_feedback_takes_the_text_back(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Wrong")
        response = await task
        path = f"/api/generations/{served.only.id}/feedback"
        async with served.http.post(path, json={"text": "No."}) as feedback:
            assert feedback.status == 202
        await served.called(2)
        served.upstream.last.send("Right")
        served.upstream.last.finish()
        events = [frame.data for frame in frames_of(await response.read())]
    verify(events)
    (snapshot,) = (event for event in events if event["type"] == "MESSAGES_SNAPSHOT")
    assert snapshot["messages"] == run_input()["messages"]
    assert text_of(events[events.index(snapshot) :]) == "Right"


async def test_a_failover_takes_the_text_back(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Half")
        response = await task
        await until(lambda: served.only.has_content)
        served.only.log.append(Revision(2, None, None, "failover"))
        served.upstream.last.send("Whole")
        served.upstream.last.finish()
        events = [frame.data for frame in frames_of(await response.read())]
    verify(events)
    assert "MESSAGES_SNAPSHOT" in [event["type"] for event in events]


@pytest.mark.parametrize("sent", range(5))
async def test_a_client_joins_at_any_event(served: Served, sent: int) -> None:
    pieces = ["a", "b", "c", "d"]
    async with posted(served, AG_UI, run_input()) as task:
        for piece in pieces[:sent]:
            served.upstream.last.send(piece)
        await until(lambda: served.only.log.text() == "".join(pieces[:sent]))
        async with served.http.get(f"{AG_UI}?threadId=t") as joined:
            assert joined.headers["Content-Type"].startswith("text/event-stream")
            begun = await read_until(joined, b"MESSAGES_SNAPSHOT")
            for piece in pieces[sent:]:
                served.upstream.last.send(piece)
            served.upstream.last.finish()
            events = [frame.data for frame in frames_of(begun + await joined.read())]
        await (await task).read()
    verify(events)
    snapshot = events[1]["messages"]
    assert snapshot[0] == run_input()["messages"][0]
    before = snapshot[1]["content"] if len(snapshot) > 1 else ""
    assert before + text_of(events) == "abcd"


async def test_a_client_joins_a_run_that_is_over(served: Served) -> None:
    await answered(served, AG_UI)
    async with served.http.get(f"{AG_UI}?threadId=t") as joined:
        events = [frame.data for frame in frames_of(await joined.read())]
    verify(events)
    assert events[1]["messages"][1]["content"] == "Xin chào"


async def test_a_thread_has_its_newest_run(served: Served) -> None:
    await answered(served, AG_UI)
    async with posted(served, AG_UI, run_input(runId="r2")) as task:
        served.upstream.last.send("again")
        await task
        async with served.http.get(f"{AG_UI}?threadId=t") as joined:
            begun = await read_until(joined, b"RUN_STARTED")
            assert next(frames_of(begun)).data["runId"] == "r2"
            served.upstream.last.finish()
            await joined.read()


async def test_leaving_a_run_that_another_client_reads_stops_nothing(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Xin ")
        response = await task
        async with served.http.get(f"{AG_UI}?threadId=t") as joined:
            await read_until(joined, b"MESSAGES_SNAPSHOT")
            response.close()
            await until(lambda: served.hub.viewers == 1)
            served.upstream.last.send("chào")
            served.upstream.last.finish()
            assert "chào".encode() in await joined.read()
    assert served.only.state == "complete"


async def test_a_join_without_a_thread(served: Served) -> None:
    async with served.http.get(AG_UI) as refused:
        assert refused.status == 400
        assert (await refused.json())["error"]["param"] == "threadId"
    async with served.http.get(f"{AG_UI}?threadId=t") as refused:
        assert refused.status == 404


@pytest.mark.parametrize("body", [[], "x", {}, {"threadId": "t"}])
async def test_what_is_refused(served: Served, body: object) -> None:
    async with served.http.post(AG_UI, json=body) as refused:
        assert refused.status == 400
        assert (await refused.json())["error"]["code"] == "invalid_request"


async def test_a_model_that_there_is_not_is_named_where_it_stands(served: Served) -> None:
    async with served.http.post(AG_UI, json=run_input(forwardedProps={"model": "x"})) as refused:
        assert refused.status == 404
    async with served.http.post(AG_UI, json=run_input(forwardedProps={"model": ""})) as refused:
        assert (await refused.json())["error"]["param"] == "forwardedProps.model"
