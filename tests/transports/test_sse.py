"""Event streams: their bytes, clients that are a plain EventSource, and how those are stopped."""

import orjson
import pytest

from gateway.protocol.event_stream import EventStreamDecoder
from tests.served.clients import BODY
from tests.served.errors import error_of
from tests.served.gateway import Served
from tests.served.viewers import SseViewer, WebSocketViewer

EVENTS = {"Accept": "text/event-stream"}


async def test_the_bytes_of_a_complete_stream(served: Served) -> None:
    async with served.http.post("/api/chat/stream", json=BODY, headers={"X-Request-ID": "r-1"}) as response:
        await served.called()
        served.upstream.last.send("Xin\nchào")
        served.upstream.last.finish()
        body = (await response.read()).decode()
    identity = served.only.id
    start = '{"type":"start","provider":"scripted","upstream_model":"m","attempt":1,"revision":1}'
    expected = (
        f"id: {identity}:1\nretry: 500\nevent: accepted\n"
        f'data: {{"type":"accepted","generation_id":"{identity}","request_id":"r-1","model":"m"}}\n\n'
        f"id: {identity}:2\nevent: start\ndata: {start}\n\n"
        f'id: {identity}:3\ndata: {{"type":"chunk","content":"Xin\\nchào"}}\n\n'
        f'id: {identity}:4\nevent: complete\ndata: {{"type":"complete","finish_reason":"stop",'
    )
    assert body.startswith(expected)
    assert body.endswith("}\n\n")


async def test_a_plain_event_source_starts_by_get(served: Served) -> None:
    async with served.http.get("/api/chat/stream?prompt=Ch%C3%A0o&model=m", headers=EVENTS) as response:
        assert response.status == 200
        await served.called()
        assert served.upstream.last.request.messages[0].content == "Chào"


async def test_a_start_with_a_position_resumes_and_starts_nothing(served: Served) -> None:
    viewer = SseViewer(served.http)
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("one ", "two ")
    await viewer.until("chunk")
    headers = {**EVENTS, "Last-Event-ID": f"{viewer.generation_id}:3"}
    async with (
        served.http.post("/api/chat/stream", json=BODY, headers=headers) as posted,
        served.http.get("/api/chat/stream?prompt=x", headers=headers) as got,
    ):
        for response in (posted, got):
            assert response.headers["X-Generation-ID"] == viewer.generation_id
            assert b"two " in await response.content.readany()
    assert len(served.upstream.calls) == 1
    await viewer.leave()


async def test_after_the_end_the_response_is_204(served: Served) -> None:
    viewer = SseViewer(served.http)
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.finish()
    seen = await viewer.to_end()
    headers = {**EVENTS, "Last-Event-ID": f"{viewer.generation_id}:{seen[-1]['seq']}"}
    for path in (f"/api/generations/{viewer.generation_id}/events", "/api/chat/stream?prompt=x"):
        async with served.http.get(path, headers=headers) as response:
            assert response.status == 204
    path = f"/api/generations/{viewer.generation_id}/events?last_event_id={viewer.generation_id}:1"
    async with served.http.get(path) as response:
        assert b"complete" in await response.read()


async def test_a_head_request_starts_nothing_and_adds_no_viewer(served: Served) -> None:
    viewer = SseViewer(served.http)
    await viewer.start(BODY)
    async with served.http.head(f"/api/generations/{viewer.generation_id}/events") as response:
        assert response.content_type == "text/event-stream"
    assert served.hub.viewers == 1
    async with served.http.head("/api/chat/stream?prompt=x", headers=EVENTS) as response:
        assert response.status == 406
    assert len(served.upstream.calls) == 1
    await viewer.leave()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/generations/g_unknown/events", "generation_lost"),
        ("/api/chat/stream", "invalid_request"),
        ("/api/chat/stream?prompt=", "invalid_request"),
        ("/api/chat/stream?prompt=x&temperature=1", "invalid_request"),
        ("/api/chat/stream?prompt=x&model=gpt-9", "model_not_found"),
    ],
)
async def test_an_event_source_reads_its_refusal_once_and_is_then_stopped(served: Served, path: str, code: str) -> None:
    async with served.http.get(path, headers=EVENTS) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        (event,) = EventStreamDecoder().feed(await response.read())
        assert event.event == "error"
        assert orjson.loads(event.data)["code"] == code
    async with served.http.get(path, headers={**EVENTS, "Last-Event-ID": event.last_event_id}) as response:
        assert response.status == 204


async def test_an_event_source_retries_a_temporary_refusal(served: Served) -> None:
    served.hub.draining = True
    async with served.http.get("/api/chat/stream?prompt=x", headers=EVENTS) as response:
        decoder = EventStreamDecoder()
        (event,) = decoder.feed(await response.read())
        assert orjson.loads(event.data)["code"] == "shutting_down"
        assert event.last_event_id == ""
        assert decoder.retry_ms is not None
        assert 1000 <= decoder.retry_ms <= 2000


async def test_an_idempotency_key_attaches_to_the_generation_it_started(served: Served) -> None:
    first, second = SseViewer(served.http), SseViewer(served.http)
    headers = {"Idempotency-Key": "k-1"}
    for viewer in (first, second):
        await viewer._open("POST", "/api/chat/stream", json=BODY, headers=headers)
    assert first.generation_id == second.generation_id
    other = {"messages": [{"role": "user", "content": "other"}]}
    async with served.http.post("/api/chat/stream", json=other, headers=headers) as response:
        assert response.status == 409
    await first.leave()
    await second.leave()


@pytest.mark.parametrize("position", ["nonsense", "g_other:1", "{id}:x", "{id}:99", "{id}:-1", ":"])
async def test_an_invalid_position_is_refused(served: Served, position: str) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(BODY)
    position = position.replace("{id}", viewer.generation_id)
    events = f"/api/generations/{viewer.generation_id}/events"
    async with served.http.get(events, headers={"Last-Event-ID": position}) as response:
        assert response.status == 400
        assert (await error_of(response))["code"] == "invalid_request"
    rejected = await viewer.command(type="attach", generation_id=viewer.generation_id, after=position)
    assert (rejected["type"], rejected["code"]) == ("rejected", "invalid_request")
    await viewer.leave()
