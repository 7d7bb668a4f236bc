"""The client over each transport, against a real gateway whose upstream the test controls."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.client import AsyncClient, TransportName
from gateway.client.conversation import AsyncConversation
from gateway.client.sync import Client
from gateway.config import Settings
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Accepted, Chunk, Complete, Interrupted, Revision, Start, ToolCall
from tests.gateway.client.fake_gateway import TRANSPORTS
from tests.served.gateway import Served
from tests.served.viewers import until

LEASE = Settings().poll_lease
"""Seconds after which a client that does not poll again has left."""

TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(params=TRANSPORTS, name="transport")
def _transport(request: pytest.FixtureRequest) -> TransportName:
    name: TransportName = request.param
    return name


@pytest.fixture(name="client")
async def _client(served: Served, transport: TransportName) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(served.url, transport=transport) as client:
        yield client


async def test_an_answer_is_followed_from_its_first_event(served: Served, client: AsyncClient) -> None:
    answer = await client.start("Why?", options={"max_tokens": 9}, metadata={"page": "home"})
    assert isinstance(await anext(answer), Accepted)
    assert isinstance(await anext(answer), Start)
    served.upstream.last.send("Xin ")
    assert await anext(answer) == Chunk("Xin ")
    served.upstream.last.send("chào")
    served.upstream.last.finish()
    assert await answer.read() == "Xin chào"
    assert isinstance(answer.terminal, Complete)
    assert answer.metrics is not None
    assert answer.metrics.chunks == 2
    assert served.upstream.last.request.options["max_tokens"] == 9


async def test_an_interrupt_reaches_the_provider(served: Served, client: AsyncClient) -> None:
    answer = await client.start("Why?")
    await served.called()
    served.upstream.last.send("a")
    await until(lambda: served.only.log.last > 2)
    assert await answer.interrupt("enough")
    assert await answer.read() == "a"
    assert isinstance(answer.terminal, Interrupted)
    assert (answer.terminal.by, answer.terminal.reason) == ("client", "enough")
    assert served.upstream.last.closed
    assert not await answer.interrupt()


async def test_an_answer_is_interrupted_by_its_id_alone(served: Served, client: AsyncClient) -> None:
    answer = await client.start("Why?")
    async with AsyncClient(served.url) as other:
        assert await other.attach(answer.id).interrupt()
    await answer.read()
    assert served.upstream.open_calls == 0


async def test_feedback_begins_a_revision_that_the_next_turn_knows(served: Served, client: AsyncClient) -> None:
    chat = AsyncConversation(client)
    answer = await chat.send("Why?")
    await served.called()
    served.upstream.last.send("Long")
    async for event in answer:
        if event == Chunk("Long"):
            await answer.feedback("Shorter.")
        if isinstance(event, Revision):
            await served.called(2)
            served.upstream.last.send("S")
            served.upstream.last.finish()
    await chat.send("And?")
    await served.called(3)
    sent = [(message.role, message.content) for message in served.upstream.last.request.messages]
    assert sent == [("user", "Why?"), ("assistant", "Long"), ("user", "Shorter."), ("assistant", "S"), ("user", "And?")]


async def test_another_client_resumes_at_a_stored_position(served: Served, client: AsyncClient) -> None:
    answer = await client.start("Why?")
    await served.called()
    served.upstream.last.send("a")
    while answer.text != "a":
        await anext(answer)
    await answer.aclose()
    served.upstream.last.send("b")
    served.upstream.last.finish()
    for transport in TRANSPORTS:
        async with AsyncClient(served.url, transport=transport) as later:
            assert await later.attach(answer.position).read() == "b"
            assert await later.attach(answer.id).read() == "ab"


async def test_tools_make_a_round_trip(served: Served, client: AsyncClient) -> None:
    chat = AsyncConversation(client, options={"tools": [TOOL]})
    answer = await chat.send("What time is it?")
    await served.called()
    served.upstream.last.send(ToolCall(0, "c1", "now", ""), ToolCall(0, None, None, "{}"))
    served.upstream.last.finish("tool_calls")
    await answer.read()
    assert answer.tool_calls == [ToolCall(0, "c1", "now", "{}")]
    answer = await chat.send_tool_results({"c1": "noon"})
    await served.called(2)
    result = served.upstream.last.request.messages[-1]
    assert (result.role, result.content) == ("tool", "noon")
    served.upstream.last.send("It is noon.")
    served.upstream.last.finish()
    assert await answer.read() == "It is noon."


async def test_the_same_key_is_the_same_generation(served: Served, client: AsyncClient) -> None:
    first = await client.start("Why?", idempotency_key="k")
    again = await client.start("Why?", idempotency_key="k")
    assert first.id == again.id
    with pytest.raises(Refused) as raised:
        await client.start("What?", idempotency_key="k")
    assert raised.value.code is Code.INVALID_REQUEST
    assert len(served.upstream.calls) == 1


async def test_a_last_viewer_that_leaves_can_stop_the_provider(served: Served, client: AsyncClient) -> None:
    answer = await client.start("Why?", options={"on_disconnect": "cancel"})
    await served.called()
    await answer.aclose()
    if client.transport == "poll":
        served.clock.advance(LEASE)
    await until(lambda: served.upstream.last.closed)


async def test_what_the_gateway_refuses_names_its_field(served: Served, client: AsyncClient) -> None:
    with pytest.raises(Refused) as raised:
        await client.start("Why?", options={"temperature": 9})
    assert raised.value.param == "options.temperature"
    with pytest.raises(Refused) as raised:
        await client.attach("g_none").read()
    assert raised.value.code is Code.GENERATION_LOST
    assert served.upstream.calls == []


async def test_the_synchronous_client_is_the_same(served: Served, transport: TransportName) -> None:
    def run() -> tuple[str, bool]:
        with Client(served.url, transport=transport) as client:
            answer = client.start("Why?")
            for event in answer:
                if isinstance(event, Chunk):
                    return answer.text, answer.interrupt()
        return "", False

    running = asyncio.create_task(asyncio.to_thread(run))
    await served.called()
    served.upstream.last.send("a")
    assert await running == ("a", True)
    assert served.upstream.last.closed
