"""Clients whose gateway was lost, or paused, before the other ones had all that it had sent."""

import asyncio

import pytest

from gateway.client import AsyncClient
from tests.event_loop import settle
from tests.served import chats, responses
from tests.served.clients import BODY
from tests.served.pair import Pair, kill
from tests.served.viewers import VIEWERS
from tests.transports.chat_ui import clients as ui


async def streaming(pair: Pair, kept: str, lost: str) -> tuple[str, int]:
    """Start an answer on the first gateway, read it, and kill the gateway before all is stored; return id and seq."""
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    pair.first.upstream.last.send(kept)
    await viewer.until("chunk")
    await settle()
    await kill(pair.first)
    pair.first.upstream.last.send(lost)
    seq = int(str((await viewer.until("chunk"))["seq"]))
    await viewer.leave()
    return viewer.generation_id, seq


@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_a_client_that_has_seen_more_than_is_kept_gets_the_kept_text_and_the_end(pair: Pair, kind: str) -> None:
    generation_id, seq = await streaming(pair, "kept ", "lost")
    viewer = pair.second.viewer(kind)
    attaching = asyncio.create_task(viewer.attach(generation_id, seq))
    await pair.second.advance(10)
    await attaching
    gap, end = await viewer.to_end()
    assert (gap["type"], gap["text"], gap["from"]) == ("gap", "kept ", seq + 1)
    assert gap["seq"] == gap["to"]
    assert (end["type"], end["code"], end["partial"]) == ("error", "generation_lost", True)
    await viewer.leave()


async def test_a_reader_of_text_gets_the_gap_too(pair: Pair) -> None:
    generation_id, seq = await streaming(pair, "kept ", "lost")
    headers = {"Last-Event-ID": f"{generation_id}:{seq}"}
    posting = asyncio.ensure_future(pair.second.http.post("/api/chat/text", headers=headers).__aenter__())
    await pair.second.advance(10)
    body = await (await posting).read()
    assert [line for line in body.splitlines() if line.startswith(b"event:")] == [b"event: gap", b"event: error"]


async def test_python_clients_replace_their_text(pair: Pair) -> None:
    generation_id, seq = await streaming(pair, "kept ", "lost")
    async with AsyncClient(pair.second.url) as client:
        answer = client.attach(generation_id, after=seq)

        async def read() -> list[str]:
            return [event.type async for event in answer]

        reading = asyncio.create_task(read())
        await pair.second.advance(10)
        assert await reading == ["gap", "error"]
        assert (answer.text, answer.state) == ("kept ", "error")


async def test_a_chat_of_the_ai_sdk_that_is_ahead_gets_the_end(pair: Pair) -> None:
    async with chats.sent(pair.first, chats.body()) as task:
        await chats.begun(task, pair.first, "kept ")
        await settle()
        await kill(pair.first)
    await pair.second.advance(10)
    async with pair.second.http.get(f"{chats.path('c/1', 'stream')}?startIndex=90") as response:
        kinds = [chunk["type"] for chunk in chats.chunks_in(await response.read())]
    assert kinds[-2:] == ["error", "finish"]
    assert "text-delta" not in kinds


async def test_a_stored_response_whose_client_is_ahead_gets_the_end(pair: Pair) -> None:
    async with responses.posted(pair.first, responses.request(stream=True, background=True)) as task:
        pair.first.upstream.last.send("kept ")
        response = await task
        (first, *_) = responses.events_of(await response.content.readuntil(b"\n\n"))
        await settle()
        await kill(pair.first)
    await pair.second.advance(10)
    events = await responses.replayed(pair.second, f"{first['response']['id']}?stream=true&starting_after=90")
    assert [event["type"] for event in events][-1] == "response.failed"
    assert responses.text_of(events) == ""


async def test_a_run_of_tanstack_whose_client_is_ahead_gets_the_end_with_a_new_id(pair: Pair) -> None:
    async with ui.posted(pair.first, ui.TANSTACK, ui.run_input()) as task:
        pair.first.upstream.last.send("kept ")
        response = await task
        seen = [*ui.frames_of(await ui.read_until(response, b"kept "))]
        await settle()
        await kill(pair.first)
        response.close()
    await pair.second.advance(10)
    ahead = seen[-1].id.rpartition(".")[0] + ".90"
    async with pair.second.http.get(f"{ui.TANSTACK}?offset={ahead}&runId=r") as response:
        rest = [*ui.frames_of(await response.read())]
    # Its client drops events whose id it has seen.
    assert rest[-1].data["type"] == "RUN_ERROR"
    assert int(rest[-1].id.rpartition(".")[2]) > 90
    assert ui.text_of([frame.data for frame in rest]) == ""


async def fenced(pair: Pair) -> None:
    """Pause the first gateway until the second one has taken over what it runs, then resume it."""
    await kill(pair.first)
    pair.first.upstream.last.send("lost")
    await settle()
    await pair.second.advance(10)
    assert pair.first.replica is not None
    pair.first.replica.start_tasks()
    await pair.first.advance(3)


async def test_a_native_viewer_of_a_paused_owner_gets_the_gap(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    pair.first.upstream.last.send("kept ")
    await viewer.until("chunk")
    await settle()
    await fenced(pair)
    seen = await viewer.to_end()
    assert [event["type"] for event in seen[-2:]] == ["gap", "error"]
    assert seen[-2]["text"] == "kept "


async def test_a_reader_of_chat_completions_of_a_paused_owner_gets_an_error(pair: Pair) -> None:
    body = {**BODY, "stream": True}
    posting = asyncio.ensure_future(pair.first.http.post("/v1/chat/completions", json=body).__aenter__())
    await pair.first.called()
    pair.first.upstream.last.send("kept ")
    response = await posting
    await settle()
    await fenced(pair)
    events = responses.events_of((await response.read()).replace(b"data: [DONE]\n\n", b""))
    assert "error" in events[-1]


async def test_a_chat_of_the_ai_sdk_on_a_paused_owner_gets_an_error(pair: Pair) -> None:
    async with chats.sent(pair.first, chats.body()) as task:
        response = await chats.begun(task, pair.first, "kept ")
        await settle()
        await fenced(pair)
        kinds = [chunk["type"] for chunk in chats.chunks_in(await response.read())]
    assert kinds[-2:] == ["error", "finish"]
