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
        "event: accepted\n"
        f'data: {{"type":"accepted","generation_id":"{identity}","request_id":"r-1","model":"m"}}\n'
        f"retry: 500\nid: {identity}:1\n\n"
        f"event: start\ndata: {start}\nid: {identity}:2\n\n"
        f'data: {{"type":"chunk","content":"Xin\\nchào"}}\nid: {identity}:3\n\n'
        'event: complete\ndata: {"type":"complete","finish_reason":"stop",'
    )
    assert body.startswith(expected)
    assert body.endswith(f"}}\nid: {identity}:4\n\n")


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


@pytest.mark.parametrize("name", ["lastEventId", "last_event_id", "lastEventID", "evs_last_event_id"])
@pytest.mark.parametrize("route", ["/api/chat/stream?prompt=x", "/api/generations/{id}/events?"])
async def test_a_polyfill_resumes_by_a_parameter(served: Served, route: str, name: str) -> None:
    viewer = SseViewer(served.http)
    await viewer._open("POST", "/api/chat/stream", json=BODY)
    await served.called()
    served.upstream.last.send("one ")
    path = f"{route.replace('{id}', viewer.generation_id)}&{name}={viewer.generation_id}:1"
    async with served.http.get(path, headers=EVENTS) as response:
        first = await response.content.readuntil(b"\n\n")
        assert first.endswith(f"\nid: {viewer.generation_id}:2\n\n".encode())
    async with served.http.get(f"{route.replace('{id}', 'g_x')}&{name}=refused", headers=EVENTS) as response:
        assert response.status == 204
    assert len(served.upstream.calls) == 1
    await viewer.leave()


async def test_of_positions_that_a_proxy_has_joined_the_last_one_counts(served: Served) -> None:
    viewer = SseViewer(served.http)
    await viewer._open("POST", "/api/chat/stream", json=BODY)
    await served.called()
    first, second = f"{viewer.generation_id}:1", f"{viewer.generation_id}:2"
    for headers in ([("Last-Event-ID", f"{first}, {second}")], [("Last-Event-ID", first), ("Last-Event-ID", second)]):
        async with served.http.post("/api/chat/stream", headers=headers) as response:
            served.upstream.last.send("x")
            assert (await response.content.readuntil(b"\n\n")).endswith(b":3\n\n")
    async with served.http.get(f"/api/chat/stream?lastEventId={first}%2C{second}", headers=EVENTS) as response:
        assert (await response.content.readuntil(b"\n\n")).endswith(b":3\n\n")
    await viewer.leave()


@pytest.mark.parametrize(("after", "reason"), [("{id}:99", "has 1 events"), ("{id}:x", "is not a position")])
async def test_a_refused_position_names_where_it_was_sent(served: Served, after: str, reason: str) -> None:
    async with served.http.post("/api/generations", json=BODY) as response:
        generation_id = (await response.json())["id"]
    after = after.replace("{id}", generation_id)
    events = f"/api/generations/{generation_id}/events"
    for param in ("Last-Event-ID", "last_event_id", "lastEventId"):
        sent: dict[str, str] = {param: after}
        headers, query = (sent, {}) if param == "Last-Event-ID" else ({}, sent)
        async with served.http.get(events, headers=headers, params=query) as response:
            error = await error_of(response)
            assert error["param"] == param
            assert reason.rsplit(maxsplit=1)[-1] in str(error["message"])
    viewer = WebSocketViewer(served.http)
    await viewer.start(BODY)
    rejected = await viewer.command(type="attach", generation_id=generation_id, after=after)
    assert rejected["param"] == "after"
    await viewer.leave()


async def test_a_conflict_of_idempotency_keys_names_the_header_or_the_field(served: Served) -> None:
    other = {"messages": [{"role": "user", "content": "other"}]}
    viewer = WebSocketViewer(served.http)
    await viewer.start({**BODY, "idempotency_key": "k"})
    async with served.http.post("/api/generations", json=other, headers={"Idempotency-Key": "k"}) as response:
        assert (response.status, (await error_of(response))["param"]) == (409, "Idempotency-Key")
    rejected = await viewer.command(type="start", idempotency_key="k", **other)
    assert rejected["param"] == "idempotency_key"
    await viewer.leave()


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


async def test_a_parameter_of_a_start_by_post_coalesces_its_own_stream(served: Served) -> None:
    for value in ("1001", "-1", "soon"):
        async with served.http.post(f"/api/chat/stream?coalesce_ms={value}", json=BODY) as response:
            assert (response.status, (await error_of(response))["param"]) == (400, "coalesce_ms")
    assert not served.upstream.calls
    async with served.http.post("/api/chat/stream?coalesce_ms=1000", json=BODY) as response:
        await served.called()
        for text in ("one ", "two ", "three"):
            served.upstream.last.send(text)
        served.upstream.last.finish()
        body = (await response.read()).decode()
    assert '{"type":"chunk","content":"two three"}' in body
