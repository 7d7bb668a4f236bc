"""The chat of the AI SDK over HTTP: send, resume, stop."""

import asyncio

import aiohttp
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted, Revision
from tests.gateway.dialects.ai_sdk.streams import Json, message_of
from tests.served.chats import PATH, answer, begun, body, chatted, chunks_in, of_message, path, sent
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import until
from transports.chat_ui.response import MAX_WAIT

__all__ = ["protocols"]


async def resumed(served: Served, chat: str = "c/1", query: str = "", **headers: str) -> tuple[int, list[Json]]:
    """Resume a chat; return the status, and the chunks of a stream."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with served.http.get(path(chat, "stream") + query, headers=named) as response:
        return response.status, chunks_in(await response.read()) if response.status == 200 else []


def without_text(chunks: list[Json]) -> list[Json]:
    """Return the chunks that are no piece of the text."""
    return [chunk for chunk in chunks if chunk["type"] != "text-delta"]


async def stopped(served: Served, chat: str = "c/1", **fields: object) -> Json:
    async with served.http.post(path(chat, "stop"), json=fields) as response:
        assert response.status == 200
        found: Json = await response.json()
        return found


# Send.


async def test_a_message_is_answered_by_a_ui_message_stream(served: Served) -> None:
    async with sent(served, body()) as task:
        answer(served)
        response = await task
        found = message_of(chunks_in(await response.read()))
    assert response.headers["X-Vercel-AI-UI-Message-Stream"] == "v1"
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Generation-ID"] == response.headers["X-Workflow-Run-ID"] == served.only.id
    assert (found.text, found.finish_reason) == ("Xin chào", "stop")
    assert found.metadata["generationId"] == served.only.id
    assert found.metadata["usage"]["totalTokens"] == 8


async def test_a_place_in_the_queue_is_told_at_once(settings: Settings, served: Served) -> None:
    served.hub.slots.max_concurrent = 1
    async with sent(served, body(chat="a")) as first:
        waiting = asyncio.ensure_future(served.http.post(PATH, json=body(chat="b")).__aenter__())
        response = await waiting
        assert b"data-dualstream-queue" in await response.content.readany()
        answer(served)
        await (await first).read()
        await served.called(2)
        answer(served)
        await response.read()
        response.close()


async def test_a_response_begins_in_a_second(served: Served) -> None:
    served.upstream._auto_accept = False
    task = asyncio.ensure_future(served.http.post(PATH, json=body()).__aenter__())
    await until(lambda: served.hub.running == 1 and served.only.log.readers > 0)
    served.clock.advance(MAX_WAIT)
    response = await task
    assert response.headers["X-Generation-ID"] == served.only.id
    response.close()
    served.upstream.last.accept()


async def test_what_fails_before_is_a_sentence_with_a_status(served: Served) -> None:
    served.upstream._auto_accept = False
    async with sent(served, body()) as task:
        served.upstream.last.refuse(Failed(Code.PROVIDER_AUTH, "The provider refused the gateway's key."))
        response = await task
        assert response.status == 502
        assert await response.text() == "The provider refused the gateway's key."
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["X-Error-Code"] == "provider_auth"


async def test_a_bad_request_is_a_sentence(served: Served) -> None:
    async with served.http.post(PATH, json=body(trigger="x")) as response:
        assert response.status == 400
        assert await response.text() == "trigger: must be one of submit-message, regenerate-message."


async def test_json_may_come_as_text(served: Served) -> None:
    """`WorkflowChatTransport` sends it so, from Node.js and from pages."""
    async with served.http.post(PATH, data="{", headers={"Content-Type": "text/plain;charset=UTF-8"}) as response:
        assert (await response.text()).startswith("The body is not JSON")
    async with served.http.post(PATH, data="a=1", headers={"Content-Type": "multipart/form-data"}) as response:
        assert response.status == 415


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"User-Agent": "Mozilla/5.0"}, 403),
        ({"User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "same-origin"}, 400),
    ],
)
async def test_text_of_an_unknown_page_is_refused(served: Served, headers: dict[str, str], status: int) -> None:
    """A page can send text anywhere without a preflight: see WHATWG Fetch, 2.2.2."""
    text = {"Content-Type": "text/plain", **headers}
    async with served.http.post(PATH, data="{}", headers=text) as response:
        assert response.status == status


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_other_methods(served: Served, method: str) -> None:
    async with served.http.request(method, path("c", "stop")) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert (await response.text()).endswith(f"does not take {method}.")


# Leave, and go on.


async def test_a_client_that_leaves_may_come_back(served: Served) -> None:
    async with sent(served, body()) as task:
        (await begun(task, served)).close()
        await until(lambda: served.hub.viewers == 0)
        resuming = asyncio.ensure_future(resumed(served))
        await until(lambda: served.hub.viewers == 1)
        answer(served, "chào")
        status, found = await resuming
    assert (status, message_of(found).text) == (200, "Xin chào")


async def test_a_client_may_ask_to_stop_when_it_leaves(served: Served) -> None:
    async with sent(served, body(), X_On_Disconnect="cancel") as task:
        (await begun(task, served)).close()
        await until(lambda: served.only.log.ended)
    assert isinstance(served.only.end, Interrupted)


async def test_an_answer_that_another_tab_reads_goes_on(served: Served) -> None:
    async with sent(served, body("One")) as task:
        response, before = await begun(task, served), served.upstream.last
        assert message_of(await chatted(served, body("Two"))).text == "Xin chào"
        before.finish()
        assert b"text-end" in await response.read()
    # The newest answer is the one that is resumed.
    assert message_of((await resumed(served))[1]).text == "Xin chào"


async def test_sending_the_same_again_starts_another_answer(served: Served) -> None:
    first = message_of(await chatted(served, body(trigger="regenerate-message")))
    second = message_of(await chatted(served, body(trigger="regenerate-message")))
    assert first.id != second.id


async def test_results_of_tools_go_on_in_their_message(served: Served) -> None:
    message = body()
    message["messages"].append({"id": "a1", "role": "assistant", "parts": [{"type": "text", "text": "a"}]})
    assert message_of(await chatted(served, message)).id == "a1"
    assert message_of((await resumed(served))[1]).id == "a1"


# Resume.


@pytest.mark.parametrize("chat", ["unknown", "g_unknown", "a/b", "%"])
async def test_a_chat_without_an_answer_has_nothing_to_resume(served: Served, chat: str) -> None:
    assert await resumed(served, chat.replace("%", "%25")) == (204, [])


async def test_an_answer_that_has_ended_is_read_again(served: Served) -> None:
    """Its client may have lost the connection before the end. The text of an answer that has ended is joined."""
    first = await chatted(served, body())
    for chat in ("c/1", served.only.id):
        status, again = await resumed(served, chat)
        assert (status, message_of(again)) == (200, message_of(first))
        assert without_text(again) == without_text(first)


async def test_an_answer_that_failed_before_it_began_is_refused_again(served: Served) -> None:
    served.upstream._auto_accept = False
    async with sent(served, body()) as task:
        served.upstream.last.refuse(Failed(Code.CONTENT_FILTER, "Refused by a filter."))
        assert (await task).status == 422
    async with served.http.get(path("c/1", "stream")) as response:
        assert (response.status, await response.text()) == (422, "Refused by a filter.")


async def test_a_stream_begins_at_any_chunk(served: Served) -> None:
    first = await chatted(served, {"messages": body()["messages"]}, "a", "b", "c")
    run = served.only.id
    for index in range(len(first)):
        assert await resumed(served, run, f"?startIndex={index}") == (200, first[index:])
        assert await resumed(served, run, f"?startIndex=-{index + 1}") == (200, first[-index - 1 :])
    assert await resumed(served, run, "?startIndex=-99") == (200, first)
    for index in (len(first), len(first) + 5):
        # Else its client would ask again, for ever.
        assert await resumed(served, run, f"?startIndex={index}") == (204, [])


async def test_the_index_of_the_last_chunk_is_told(served: Served) -> None:
    first = await chatted(served, {"messages": body()["messages"]})
    async with served.http.get(path(served.only.id, "stream") + "?startIndex=-2") as response:
        assert response.headers["X-Workflow-Stream-Tail-Index"] == str(len(first) - 1)
        assert chunks_in(await response.read()) == first[-2:]


async def test_a_running_answer_is_waited_for_beyond_its_end(served: Served) -> None:
    async with sent(served, body()) as task:
        response = await begun(task, served)
        count = 5
        ahead = asyncio.ensure_future(resumed(served, query=f"?startIndex={count + 2}"))
        await until(lambda: served.hub.viewers == 2)
        answer(served, "b", "c")
        await response.read()
        status, found = await ahead
    assert status == 200
    assert found == (await resumed(served, query="?startIndex=0"))[1][count + 2 :]


@pytest.mark.parametrize("index", ["x", "", "1.5", "99999999999"])
async def test_an_index_that_is_none(served: Served, index: str) -> None:
    async with served.http.get(path("c", "stream") + f"?startIndex={index}") as response:
        assert response.status == 400
        assert (await response.text()).startswith("startIndex: must be an integer")


async def test_version_6_is_cut_at_a_new_text_and_resumes_with_it(served: Served) -> None:
    async with sent(served, body(), X_AI_SDK_Version="6") as task:
        response = await begun(task, served, "old")
        served.only.log.append(Revision(2, None, None, "failover"))
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        await until(lambda: served.hub.viewers == 0)
        resuming = asyncio.ensure_future(resumed(served, X_AI_SDK_Version="6"))
        await until(lambda: served.hub.viewers == 1)
        answer(served, "new")
        assert message_of((await resuming)[1]).text == "new"


# Stop.


async def test_stop_ends_the_answer(served: Served) -> None:
    async with sent(served, body()) as task:
        response = await begun(task, served)
        assert await stopped(served, reason="enough") == {
            "success": True,
            "stopped": True,
            "activeStreamId": served.only.id,
            "state": "stopping",
        }
        rest = chunks_in(await response.read())
    assert [chunk["type"] for chunk in of_message(rest)] == ["text-end", "finish-step", "abort", "finish"]
    assert rest[-2]["reason"] == "enough"
    assert (await stopped(served))["stopped"] is False


async def test_stop_of_a_queued_answer(served: Served) -> None:
    served.hub.slots.max_concurrent = 1
    async with sent(served, body(chat="a")) as first:
        response = await served.http.post(PATH, json=body(chat="b"))
        assert (await stopped(served, "b"))["stopped"] is True
        found = message_of(chunks_in(await response.read()))
        assert (found.id, found.abort_reason) == ("", "stopped by the user")
        answer(served)
        await (await first).read()


async def test_stop_of_another_answer_than_the_one_that_is_meant_does_nothing(served: Served) -> None:
    async with sent(served, body()) as task:
        response = await begun(task, served)
        assert (await stopped(served, activeStreamId="g_before"))["stopped"] is False
        assert (await stopped(served, activeStreamId=served.only.id))["stopped"] is True
        await response.read()


async def test_stop_of_a_chat_without_an_answer(served: Served) -> None:
    assert await stopped(served, "unknown") == {"success": True, "stopped": False}


@pytest.mark.parametrize(
    ("fields", "problem"), [({"activeStreamId": 1}, "activeStreamId: must be"), ({"reason": 1}, "reason: must be")]
)
async def test_a_stop_that_is_not_valid(served: Served, fields: Json, problem: str) -> None:
    async with served.http.post(path("c", "stop"), json=fields) as response:
        assert response.status == 400
        assert (await response.text()).startswith(problem)


async def test_a_stop_needs_no_body(served: Served) -> None:
    async with served.http.post(path("c", "stop")) as response:
        assert response.status == 200
    async with served.http.post(path("c", "stop"), data="[]", headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 400


async def test_a_replay_leaves_out_what_was_replaced(served: Served) -> None:
    """So the answer heals also in a client that does not know `reset-step`, and does not say so."""
    async with sent(served, body()) as task:
        response = await begun(task, served, "old")
        served.only.log.append(Revision(2, None, None, "failover"))
        answer(served, "new")
        assert b"reset-step" in await response.read()
    status, found = await resumed(served)
    assert (status, message_of(found).text) == (200, "new")
    assert "reset-step" not in [chunk["type"] for chunk in found]
    # Chunks with numbers are all of them.
    numbered = (await resumed(served, query="?startIndex=0"))[1]
    assert "reset-step" in [chunk["type"] for chunk in numbered]
    assert message_of(numbered).text == "new"


class TestCommandRate:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_commands_per_second": 1})

    async def test_reading_again_is_no_command(self, served: Served) -> None:
        for _ in range(20):
            assert await resumed(served) == (204, [])

    async def test_a_stop_is_one_unless_it_stops_something(self, served: Served) -> None:
        async with sent(served, body()) as task:
            response, statuses = await begun(task, served), []
            for _ in range(20):
                async with served.http.post(path("unknown", "stop")) as refused:
                    statuses.append(refused.status)
            assert statuses[-1] == 429
            assert (await stopped(served))["stopped"] is True
            await response.read()


@pytest.mark.parametrize(("milliseconds", "status"), [("50", 200), ("fast", 400)])
async def test_a_client_that_resumes_may_say_for_how_long_text_is_joined(
    served: Served, milliseconds: str, status: int
) -> None:
    async with sent(served, body()) as task:
        answer(served)
        await (await task).read()
    assert (await resumed(served, X_Coalesce_Ms=milliseconds))[0] == status
