"""Several turns: what each start sends."""

import pytest
from aiohttp.test_utils import TestServer

from gateway.client.conversation import AsyncConversation
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Event,
    Feedback,
    Interrupted,
    Revision,
    Start,
    ToolCall,
)
from tests.gateway.client.fake_gateway import COMPLETE, HOLD, ID, METRICS, USAGE, FakeGateway, Harness, listen, log_of

INTERRUPTED = Interrupted("client", None, 0.5, USAGE, None, METRICS)


def _log(*events: Event) -> list[Event]:
    return [Accepted(ID, "r_1", "m"), Start("p", "m", 1, 1), *events]


def _sent(harness: Harness) -> object:
    _key, body = harness.gateway.starts[-1]
    assert isinstance(body, dict)
    return body["messages"]


async def test_each_turn_has_the_earlier_ones(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("Because.")))
    async with harness.client("sse") as client:
        chat = AsyncConversation(client, system="Be brief.", model="m", options={"max_tokens": 5})
        await (await chat.send("Why?")).read()
        await (await chat.send("And at sunset?")).read()
    _key, body = harness.gateway.starts[-1]
    first = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    asked = [{"role": "system", "content": "Be brief."}, *first, {"role": "user", "content": "And at sunset?"}]
    assert body == {"messages": asked, "model": "m", "options": {"max_tokens": 5}}
    assert chat.messages == [*asked, {"role": "assistant", "content": "Because."}]


async def test_a_stored_conversation_is_continued(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    stored = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]
    async with harness.client("ws") as client:
        chat = AsyncConversation(client, messages=stored)
        await (await chat.send([{"type": "text", "text": "3"}])).read()
    assert _sent(harness) == [*stored, {"role": "user", "content": [{"type": "text", "text": "3"}]}]


async def test_tools_are_answered_by_their_ids(servers: list[TestServer]) -> None:
    calls: list[Event] = [ToolCall(0, "c1", "now", "{}"), ToolCall(1, "c2", "add", '{"a":1}')]
    harness = await listen(servers, FakeGateway(_log(*calls, COMPLETE)))
    async with harness.client("sse") as client:
        chat = AsyncConversation(client)
        answer = await chat.send("What time is it?")
        await answer.read()
        assert [call.name for call in answer.tool_calls] == ["now", "add"]
        with pytest.raises(ValueError, match="calls tools"):
            await chat.send("Well?")
        with pytest.raises(ValueError, match=r"calls \['c1', 'c2'\], not \['c1'\]"):
            await chat.send_tool_results({"c1": "noon"})
        await chat.send_tool_results({"c2": "2", "c1": "noon"})
    sent = _sent(harness)
    assert isinstance(sent, list)
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert [(result["tool_call_id"], result["content"]) for result in sent[2:]] == [("c1", "noon"), ("c2", "2")]


async def test_an_interrupted_answer_keeps_its_text_and_not_its_calls(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(_log(Chunk("Half"), ToolCall(0, "c1", "now", '{"a'), INTERRUPTED)))
    async with harness.client("sse") as client:
        chat = AsyncConversation(client)
        await (await chat.send("1")).read()
        await chat.send("2")
    assert _sent(harness) == [
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": "Half"},
        {"role": "user", "content": "2"},
    ]


async def test_roles_alternate_if_there_was_no_answer(servers: list[TestServer]) -> None:
    events: list[Event] = [
        Feedback("f", "revise", "shorter", None),
        Revision(2, "f", 0.1),
        ToolCall(0, "c1", "n", ""),
        INTERRUPTED,
    ]
    harness = await listen(servers, FakeGateway(_log(*events)))
    async with harness.client("sse") as client:
        chat = AsyncConversation(client)
        await (await chat.send("1")).read()
        await chat.send("2")
    assert _sent(harness) == [{"role": "user", "content": "1\n\nshorter\n\n2"}]


async def test_a_running_answer_is_ended_first(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[1, 2, 3, HOLD, 4]]))
    async with harness.client("sse") as client:
        chat = AsyncConversation(client)
        answer = await chat.send("1")
        with pytest.raises(RuntimeError, match="read it, interrupt it, or close it"):
            await chat.send("2")
        await answer.aclose()
        await chat.send("2")


async def test_a_refused_message_is_not_part_of_it(servers: list[TestServer]) -> None:
    refused = Refused(Code.BUDGET_EXCEEDED, "Tomorrow.")
    harness = await listen(servers, FakeGateway(log_of("a"), refusals=[refused]))
    async with harness.client("sse") as client:
        chat = AsyncConversation(client)
        with pytest.raises(Refused, match="Tomorrow"):
            await chat.send("1")
        assert chat.messages == []
