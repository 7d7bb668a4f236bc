"""Clients of several gateways that share a store, on all transports."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.client import AsyncClient
from gateway.config import Settings
from gateway.replicas.draining import Drain
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.served import chats, responses
from tests.served.clients import BODY, Clients, keys_file, with_keys
from tests.served.gateway import Configure, Served
from tests.served.pair import Pair, paired
from tests.served.viewers import VIEWERS, WebSocketViewer, until
from tests.transports.chat_ui import clients as ui

__all__ = ["keys_file"]


@pytest.fixture
async def late_pair(settings: Settings, configure: Configure) -> AsyncIterator[Pair]:
    """Two gateways whose batches come when the test's clock says so."""
    async with paired(settings, configure, ManualClock()) as gateways:
        yield gateways


@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_a_position_that_is_not_stored_yet_is_read_elsewhere(late_pair: Pair, kind: str) -> None:
    first = late_pair.first.viewer("sse")
    await first.start(BODY)
    await late_pair.first.called()
    late_pair.first.upstream.last.send("one ")
    seq = int(str((await first.until("chunk"))["seq"]))
    second = late_pair.second.viewer(kind)
    await second.attach(first.generation_id, seq)
    late_pair.first.upstream.last.finish()
    assert [event["type"] for event in await second.to_end()] == ["complete"]
    await first.to_end()
    await second.leave()


async def sent_away(gateway: Served) -> None:
    """Advance the clock until the clients of a gateway that drains have been told to leave."""
    await gateway.advance(1)
    await gateway.advance(1)


@pytest.mark.parametrize("policy", ["grace", "cancel"])
@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_a_viewer_is_sent_to_another_gateway_and_goes_on_there(pair: Pair, kind: str, policy: str) -> None:
    viewer = pair.first.viewer(kind)
    await viewer.start({**BODY, "options": {"on_disconnect": policy}})
    await pair.first.called()
    pair.first.upstream.last.send("one ")
    seq = int(str((await viewer.until("chunk"))["seq"]))
    drain = asyncio.create_task(Drain(pair.first.hub, pair.first.replica).run(30))
    await sent_away(pair.first)
    # The transport ends without a terminal event, and never as if the answer were complete.
    if isinstance(viewer, WebSocketViewer):
        message = await (await viewer.connect()).receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)
    elif not viewer.polls:
        with pytest.raises(aiohttp.ClientPayloadError):
            await viewer.next()
    await viewer.leave()
    second = pair.second.viewer(kind)
    await second.attach(viewer.generation_id, seq)
    pair.first.upstream.last.send("two")
    pair.first.upstream.last.finish()
    end = (await second.to_end())[-1]
    assert (viewer.text + second.text, end["type"]) == ("one two", "complete")
    await second.leave()
    await until(drain.done)


async def test_a_gateway_that_drains_admits_no_stream(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start({**BODY, "options": {"on_disconnect": "continue"}})
    await pair.first.called()
    drain = asyncio.create_task(Drain(pair.first.hub, pair.first.replica).run(30))
    await sent_away(pair.first)
    for method, path in (("POST", "/api/chat/stream"), ("GET", f"/api/generations/{viewer.generation_id}/events")):
        body = BODY if method == "POST" else None
        async with pair.first.http.request(method, path, json=body) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert response.headers["Connection"] == "close"
            assert (await response.json())["error"]["code"] == "shutting_down"
    async with pair.first.http.ws_connect("/api/ws") as socket:
        await socket.receive()
        assert socket.close_code == 1012
    # A command is carried out: its client may not know yet.
    async with pair.first.http.post(f"/api/generations/{viewer.generation_id}/interrupt") as response:
        assert response.status == 202
    await until(drain.done)


async def test_a_client_that_cannot_come_back_reads_to_the_end(pair: Pair) -> None:
    body = {**BODY, "model": "m", "stream": True}
    posting = asyncio.ensure_future(pair.first.http.post("/v1/chat/completions", json=body).__aenter__())
    await pair.first.called()
    pair.first.upstream.last.send("one ")
    response = await posting
    drain = asyncio.create_task(Drain(pair.first.hub, pair.first.replica).run(30))
    await sent_away(pair.first)
    pair.first.upstream.last.send("two")
    pair.first.upstream.last.finish()
    assert (await response.read()).endswith(b"data: [DONE]\n\n")
    await until(drain.done)


async def test_without_a_store_clients_stay(served: Served) -> None:
    viewer = served.viewer("sse")
    await viewer.start(BODY)
    await served.called()
    drain = asyncio.create_task(Drain(served.hub, served.replica).run(30))
    await sent_away(served)
    served.upstream.last.send("all")
    served.upstream.last.finish()
    await viewer.to_end()
    assert viewer.text == "all"
    await until(drain.done)


async def kill(gateway: Served) -> None:
    """Stop all by which the other gateways notice that one is alive: what it appends from now on is not stored."""
    assert gateway.replica is not None
    gateway.replica.stop_tasks()
    gateway.replica.writer.pause()
    await settle()


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


# Cases that others got wrong.


async def test_three_reconnects_in_a_row_each_to_another_gateway(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    text, seq, generation_id = "", 0, ""
    for gateway, kind in ((pair.first, "sse"), (pair.second, "websocket"), (pair.first, "poll"), (pair.second, "sse")):
        if seq:
            viewer = gateway.viewer(kind)
            await viewer.attach(generation_id, seq)
        pair.first.upstream.last.send("more ")
        seq = int(str((await viewer.until("chunk"))["seq"]))
        text, generation_id = text + viewer.text, viewer.generation_id
        await viewer.leave()
    assert text == "more " * 4


async def test_a_second_generation_while_a_viewer_of_the_first_lingers_elsewhere(pair: Pair) -> None:
    first, lingering = pair.first.viewer("sse"), pair.second.viewer("sse")
    await first.start(BODY)
    await pair.first.called()
    await lingering.attach(first.generation_id, 0)
    pair.first.upstream.last.send("one")
    await lingering.until("chunk")
    second = pair.elsewhere.viewer("websocket")
    await second.start(BODY)
    await pair.first.called(2)
    pair.first.upstream.last.send("two")
    pair.first.upstream.last.finish()
    await second.to_end()
    assert (lingering.text, second.text) == ("one", "two")
    pair.first.upstream.calls[0].send(" and more")
    pair.first.upstream.calls[0].finish()
    await lingering.to_end()
    await first.to_end()
    assert lingering.text == first.text == "one and more"


async def test_a_gateway_that_holds_only_a_command_listener(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    commander = WebSocketViewer(pair.second.http)
    assert (await commander.command(type="ping"))["type"] == "pong"
    await viewer.until("accepted")
    answer = await commander.interrupt(viewer.generation_id)
    assert answer["type"] == "ack"
    end = (await viewer.to_end())[-1]
    assert (end["type"], end["by"]) == ("interrupted", "client")
    assert not commander._events
    await commander.leave()


async def test_a_resume_after_expiry_is_refused_and_starts_nothing(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    pair.first.upstream.last.finish()
    await viewer.to_end()
    position = f"{viewer.generation_id}:1"
    await pair.second.advance(310)
    for gateway in (pair.first, pair.second):
        headers = {"Last-Event-ID": position}
        async with gateway.http.post("/api/chat/stream", json=BODY, headers=headers) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (404, "generation_lost")
        calls = len(gateway.upstream.calls)
        assert calls == (1 if gateway is pair.first else 0)


async def test_an_id_that_was_guessed_by_another_principal_is_unknown_elsewhere(
    settings: Settings, keys_file: Path, configure: Configure
) -> None:
    async with paired(with_keys(settings, keys_file), configure) as pair:
        owner, other = Clients(pair.first), Clients(pair.second)
        async with owner.named("alice").post("/api/generations", json=BODY) as response:
            generation_id = (await response.json())["id"]
        answers = []
        for name in (generation_id, "g_unknown-unknown-unknow"):
            for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/poll"), ("POST", "/interrupt")):
                async with other.named("bob").request(method, f"/api/generations/{name}{path}") as refused:
                    body = (await refused.text()).replace(name, "ID")
                    answers.append((method, path, refused.status, body))
        assert answers[:4] == answers[4:]
        assert {status for _, _, status, _ in answers} == {404}
        for clients in (owner, other):
            for session in clients.sessions:
                await session.close()


async def test_an_owner_that_does_not_answer_holds_up_no_other_command(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    await viewer.until("accepted")
    socket = WebSocketViewer(pair.second.http)
    opened = await socket.connect()
    await kill(pair.first)
    await opened.send_json({"type": "interrupt", "id": "stop", "generation_id": viewer.generation_id})
    assert (await socket.command(type="ping"))["type"] == "pong"
    assert "stop" not in socket._answers
    await pair.second.advance(10)
    await viewer.leave()
    await socket.leave()


async def test_a_stop_for_another_gateway_right_before_the_close_stops(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start({**BODY, "options": {"on_disconnect": "continue"}})
    await pair.first.called()
    await viewer.until("accepted")
    async with pair.second.http.ws_connect("/api/ws") as socket:
        await socket.send_json({"type": "interrupt", "generation_id": viewer.generation_id})
    end = (await viewer.to_end())[-1]
    assert (end["type"], end["by"]) == ("interrupted", "client")
