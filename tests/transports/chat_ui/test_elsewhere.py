"""Chat UIs whose requests come to different gateways of a deployment."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.protocol.events import Complete, Interrupted
from tests.served import chats
from tests.served.pair import Pair, pair
from tests.served.viewers import until
from tests.transports.chat_ui.clients import AG_UI, TANSTACK, answered, frames_of, posted, run_input, text_of
from tests.transports.chat_ui.test_newest import TURNS

__all__ = ["pair"]


async def test_a_chat_is_resumed_elsewhere(pair: Pair) -> None:
    async with chats.sent(pair.first, chats.body()) as task:
        await chats.begun(task, pair.first, "Xin ")
        async with pair.second.http.get(chats.path("c/1", "stream")) as resumed:
            assert resumed.status == 200
            chats.answer(pair.first, "chào")
            chunks = chats.chunks_in(await resumed.read())
    assert "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta") == "Xin chào"


async def test_a_chat_is_stopped_elsewhere(pair: Pair) -> None:
    async with chats.sent(pair.first, chats.body()) as task:
        await chats.begun(task, pair.first)
        async with pair.second.http.post(chats.path("c/1", "stop"), json={}) as stopped:
            assert (await stopped.json())["stopped"]
        await until(lambda: isinstance(pair.first.only.end, Interrupted))


@pytest.mark.parametrize(("path", "first", "second"), TURNS)
@pytest.mark.parametrize("is_read", [True, False])
async def test_the_answer_before_is_stopped_elsewhere_unless_it_is_read(
    pair: Pair, path: str, first: Mapping[str, Any], second: Mapping[str, Any], *, is_read: bool
) -> None:
    async with posted(pair.first, path, dict(first)) as task:
        before, call = pair.first.only, pair.first.upstream.last
        call.send("Xin ")
        response = await task
        if not is_read:
            response.close()
            await until(lambda: pair.first.hub.viewers == 0)
        async with posted(pair.second, path, dict(second)) as newer:
            pair.second.upstream.last.send("chào")
            pair.second.upstream.last.finish()
            assert "chào" in (await (await newer).read()).decode()
        if is_read:
            assert before.end is None
            call.finish()
        await until(lambda: before.log.ended)
    assert isinstance(before.end, Complete if is_read else Interrupted)


@pytest.mark.parametrize(("path", "query"), [(AG_UI, "threadId=t"), (TANSTACK, "runId=r&offset=-1")])
async def test_a_run_is_joined_elsewhere(pair: Pair, path: str, query: str) -> None:
    async with posted(pair.first, path, run_input()) as task:
        pair.first.upstream.last.send("Xin ")
        await task
        await until(lambda: pair.first.only.has_content)
        async with pair.second.http.get(f"{path}?{query}") as joined:
            assert joined.status == 200
            pair.first.upstream.last.send("chào")
            pair.first.upstream.last.finish(usage=chats.USAGE)
            events = [frame.data for frame in frames_of(await joined.read())]
    assert "chào" in str(events)
    assert "Xin " in str(events)
    assert text_of(events).endswith("chào")


async def test_a_thread_is_read_again_elsewhere(pair: Pair) -> None:
    await answered(pair.first, TANSTACK)
    async with (
        pair.second.http.get(f"{TANSTACK}?threadId=t") as read,
        pair.first.http.get(f"{TANSTACK}?threadId=t") as same,
    ):
        document = await read.json()
        assert document == await same.json()
    assert len(document["messages"]) == 2
