"""Clients of several gateways that share a store, on all transports."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config import Settings
from tests.manual_clock import ManualClock
from tests.served import responses
from tests.served.clients import BODY, Clients, keys_file, with_keys
from tests.served.gateway import Configure
from tests.served.pair import Pair, kill, paired
from tests.served.viewers import VIEWERS, WebSocketViewer

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


async def test_an_eventsource_resumes_on_another_gateway(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    pair.first.upstream.last.send("one ")
    seq = (await viewer.until("chunk"))["seq"]
    await viewer.leave()
    headers = {"Accept": "text/event-stream", "Last-Event-ID": f"{viewer.generation_id}:{seq}"}
    async with pair.second.http.get("/api/chat/stream?prompt=Hello", headers=headers) as response:
        pair.first.upstream.last.send("two")
        pair.first.upstream.last.finish()
        body = await response.read()
    assert [event.get("content", event["type"]) for event in responses.events_of(body)] == ["two", "complete"]
    assert not pair.second.upstream.calls


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
