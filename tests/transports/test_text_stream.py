"""The stream for readers of text: what they are sent, and what has a status of its own."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.generation.event_log import EventLog
from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder, ServerSentEvent
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Interrupted,
    Metrics,
    Part,
    Queued,
    Reasoning,
    Revision,
    Start,
    ToolCall,
    Usage,
    Verbatim,
)
from tests.served.clients import Clients, clients, keys_file, protocols, with_keys
from tests.served.errors import error_of
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, WebSocketViewer, until
from transports.text_stream import TextFraming

__all__ = ["clients", "keys_file", "protocols"]

Pending = asyncio.Task[aiohttp.ClientResponse]
Starter = Callable[[Served], Pending]
PATH = "/api/chat/text"
BODY: JsonObject = {"prompt": "Hello"}
EVENTS = {"Accept": "text/event-stream"}
USAGE = Usage(None, None, "estimated")
METRICS = Metrics("r", None, 0, 0, 0, 0, 0, None, 1, 1)
ENDS: tuple[Event, ...] = (
    Complete("stop", USAGE, None, METRICS),
    Interrupted("client", None, 0, USAGE, None, METRICS),
    Error("timeout", "x", retryable=True, retry_after_ms=None, partial=True, usage=None, cost_usd=None, metrics=None),
)
HIDDEN = (
    *(Accepted("g_x", "r", "m"), Queued(1, None), Start("p", "m", 1, 1), Reasoning("hm"), ToolCall(0, "c", "f", "{")),
    *(Part("image", {"media_type": None, "data": "A"}), Verbatim(b"{}")),
)
REFUSED = Failed(Code.RATE_LIMIT, "The provider is busy.", retryable=False, retry_after_ms=1500)


def by_post(served: Served, **options: object) -> Pending:
    return asyncio.ensure_future(served.http.post(PATH, json=BODY, **options).__aenter__())  # type: ignore[arg-type]


def by_get(served: Served, **options: object) -> Pending:
    options = {"params": {"prompt": "Hello"}, **options}
    return asyncio.ensure_future(served.http.get(PATH, headers=EVENTS, **options).__aenter__())  # type: ignore[arg-type]


async def events_of(response: aiohttp.ClientResponse) -> list[ServerSentEvent]:
    assert (response.status, response.content_type) == (200, "text/event-stream")
    return EventStreamDecoder().feed(await response.read())


def text_of(events: list[ServerSentEvent]) -> str:
    return "".join(orjson.loads(event.data)["content"] for event in events if event.event == "message")


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.type)
def test_text_its_revisions_and_the_end_are_shown(end: Event) -> None:
    log = EventLog("g_x")
    log.extend((*HIDDEN, Chunk("Xin "), *HIDDEN, Revision(2, None, None, "failover"), Chunk("chào"), end))
    framing = TextFraming()
    body = b"".join(framing.frame("g_x", entry) for entry in log.since(0))
    assert body.startswith(b'data: {"type":"chunk","content":"Xin "}\nretry: 500\nid: g_x:7\n\n')
    events = EventStreamDecoder().feed(body)
    assert [event.event for event in events] == ["message", "revision", "message", end.type]
    assert body.count(b"retry:") == 1
    assert all(b"data: " in block for block in body.removesuffix(b"\n\n").split(b"\n\n"))


@pytest.mark.parametrize("start", [by_post, by_get])
async def test_a_complete_answer(served: Served, start: Starter) -> None:
    task = start(served)
    await served.called()
    served.upstream.last.send(Reasoning("hm"), "Xin chào")
    served.upstream.last.finish()
    response = await task
    assert not [name for name in response.headers if "ratelimit" in name.lower()]
    events = await events_of(response)
    assert [event.event for event in events] == ["message", "complete"]
    assert text_of(events) == "Xin chào"
    assert events[0].last_event_id == f"{response.headers['X-Generation-ID']}:4"
    assert served.upstream.last.request.messages[0].content == "Hello"


@pytest.mark.parametrize("start", [by_post, by_get])
async def test_a_failure_before_the_first_content_has_its_status(
    served: Served, start: Callable[[Served], Pending]
) -> None:
    task = start(served)
    await served.called()
    served.upstream.last.fail(REFUSED)
    response = await task
    assert (response.status, response.headers["Retry-After"]) == (429, "2")
    assert (await error_of(response))["code"] == "rate_limit"
    assert response.headers["X-Generation-ID"] == served.only.id


async def test_a_failure_after_the_first_content_is_an_event(served: Served) -> None:
    task = by_post(served)
    await served.called()
    served.upstream.last.send("Xin ")
    response = await task
    served.upstream.last.fail(REFUSED)
    *_, end = await events_of(response)
    assert (end.event, orjson.loads(end.data)["code"]) == ("error", "rate_limit")


async def test_after_a_heartbeat_it_begins_without_content(served: Served) -> None:
    task = by_get(served)
    await served.called()
    await until(lambda: served.only.log.readers)
    served.clock.advance(15)
    response = await task
    await until(lambda: served.only.log.readers)
    served.clock.advance(15)
    served.upstream.last.fail(REFUSED)
    body = await response.read()
    assert body.startswith(b": hb\nevent: error\ndata: ")


async def test_a_client_that_leaves_before_the_first_content_is_noticed(served: Served) -> None:
    body = {**BODY, "options": {"on_disconnect": "cancel"}}
    task = asyncio.ensure_future(served.http.post(PATH, json=body).__aenter__())
    await served.called()
    task.cancel()
    await until(lambda: served.only.log.ended)
    assert served.only.state == "interrupted"


async def test_an_interrupt_before_the_first_content_is_the_end_of_the_stream(served: Served) -> None:
    task = by_get(served)
    await served.called()
    async with served.http.post(f"/api/generations/{served.only.id}/interrupt", json={}) as response:
        assert response.status == 202
    (end,) = await events_of(await task)
    assert end.event == "interrupted"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "invalid_request"),
        ("?prompt=", 400, "invalid_request"),
        ("?prompt=x&temperature=1", 400, "invalid_request"),
        ("?prompt=x&model=gpt-9", 404, "model_not_found"),
        ("?prompt=x&lastEventId=g_x:1", 404, "generation_lost"),
        ("?prompt=x&lastEventId=x", 400, "invalid_request"),
    ],
)
async def test_an_event_source_is_refused_with_a_status(served: Served, query: str, status: int, code: str) -> None:
    async with served.http.get(PATH + query, headers=EVENTS) as response:
        assert (response.status, (await error_of(response))["code"]) == (status, code)


async def test_refusals_for_a_time_have_a_status_too(served: Served) -> None:
    served.hub.draining = True
    response = await by_get(served)
    assert (response.status, (await error_of(response))["code"]) == (503, "shutting_down")


async def test_a_get_that_is_not_of_an_event_source_starts_nothing(served: Served) -> None:
    for method in ("GET", "HEAD"):
        async with served.http.request(method, f"{PATH}?prompt=x") as response:
            assert response.status == 406
    assert not served.upstream.calls


async def test_a_page_of_another_origin_is_refused_with_a_status(served: Served) -> None:
    headers = {**EVENTS, "Origin": "https://evil.example"}
    async with served.http.get(f"{PATH}?prompt=x", headers=headers) as response:
        assert (response.status, (await error_of(response))["code"]) == (403, "forbidden")
        assert response.headers["Access-Control-Allow-Origin"] == "https://evil.example"


async def test_it_resumes_from_every_position_of_every_transport(served: Served) -> None:
    task = by_post(served)
    await served.called()
    for word in ("one ", "two "):
        served.upstream.last.send(Reasoning("hm"), word)
    served.upstream.last.finish()
    events = await events_of(await task)
    numbers = [int(event.last_event_id.rpartition(":")[2]) for event in events]
    assert numbers == [4, 6, 7]
    for after in range(8):
        position = f"{served.only.id}:{after}"
        rest = [event.data for event, number in zip(events, numbers, strict=True) if number > after]
        requests = [
            ("POST", PATH, {"Last-Event-ID": position}),
            ("GET", f"{PATH}?prompt=x", {**EVENTS, "Last-Event-ID": position}),
            ("GET", f"{PATH}?prompt=x&lastEventId={position}", EVENTS),
        ]
        for method, path, headers in requests:
            async with served.http.request(method, path, headers=headers) as response:
                if after == 7:
                    assert response.status == 204
                else:
                    assert [event.data for event in await events_of(response)] == rest
    assert len(served.upstream.calls) == 1


async def test_a_reader_that_changes_its_transport_receives_every_character_once(served: Served) -> None:
    task = by_get(served)
    await served.called()
    served.upstream.last.send("one ")
    response = await task
    (first,) = EventStreamDecoder().feed(await response.content.readuntil(b"\n\n"))
    response.close()
    socket = WebSocketViewer(served.http)
    await socket.attach(served.only.id, int(first.last_event_id.rpartition(":")[2]))
    served.upstream.last.send("two ")
    position = (await socket.until("chunk"))["seq"]
    await socket.leave()
    served.upstream.last.send("three")
    served.upstream.last.finish()
    async with served.http.post(PATH, headers={"Last-Event-ID": f"{served.only.id}:{position}"}) as response:
        assert text_of([first]) + socket.text + text_of(await events_of(response)) == "one two three"


async def test_feedback_replaces_the_text(served: Served) -> None:
    task = by_post(served)
    await served.called()
    served.upstream.last.send("A long story ")
    await task
    async with served.http.post(f"/api/generations/{served.only.id}/feedback", json={"text": "shorter"}) as response:
        assert response.status == 202
    await until(lambda: served.only.revision == 2)
    # One that comes back now does not wait for the new text.
    again = await served.http.post(PATH, headers={"Last-Event-ID": f"{served.only.id}:0"})
    await served.called(2)
    served.upstream.last.send("Short.")
    served.upstream.last.finish()
    for reader in (await task, again):
        events = await events_of(reader)
        assert [event.event for event in events] == ["message", "revision", "message", "complete"]
        assert text_of(events[2:]) == "Short."


async def test_a_failure_that_is_read_again_is_the_event_that_it_was(served: Served) -> None:
    task = by_post(served)
    await served.called()
    served.upstream.last.send("Xin ")
    served.upstream.last.fail(REFUSED)
    first, end = await events_of(await task)
    async with served.http.post(PATH, headers={"Last-Event-ID": first.last_event_id}) as response:
        assert await events_of(response) == [end]


async def test_an_idempotency_key_means_the_same_on_both_streams(served: Served) -> None:
    headers = {"Idempotency-Key": "k-1"}
    native = {"messages": [{"role": "user", "content": "Hello"}]}
    async with served.http.post("/api/chat/stream", json=native, headers=headers):
        await served.called()
        served.upstream.last.send("Xin ")
        served.upstream.last.finish()
        response = await by_post(served, headers=headers)
        assert text_of(await events_of(response)) == "Xin "
    assert len(served.upstream.calls) == 1


async def test_viewers_side_by_side_each_have_their_own_first_frame(served: Served) -> None:
    tasks = [by_post(served, headers={"Idempotency-Key": "k"}) for _ in range(3)]
    await served.called()
    for word in ("one ", "two "):
        served.upstream.last.send(word)
    served.upstream.last.finish()
    bodies = {await response.read() for response in await asyncio.gather(*tasks)}
    assert len(bodies) == 1
    assert [body.count(b"retry: 500\n") for body in bodies] == [1]


class TestWithKeys:
    """A gateway with keys."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def test_a_missing_key_and_a_wrong_ticket_have_a_status(self, served: Served) -> None:
        for query in ("", "&ticket=x"):
            async with served.http.get(f"{PATH}?prompt=x{query}", headers=EVENTS) as response:
                assert (response.status, (await error_of(response))["code"]) == (401, "auth_error")

    async def test_a_ticket_starts_one_generation_and_reads_it_again(self, served: Served, clients: Clients) -> None:
        async with clients.named("alice").post("/api/tickets", json={"scope": "start"}) as response:
            ticket = (await response.json())["ticket"]
        task = by_get(served, params={"prompt": "Hello", "ticket": ticket})
        await served.called()
        served.upstream.last.send("Xin ")
        (await task).close()
        # The connection broke before the first event: the browser has no position.
        again = by_get(served, params={"prompt": "Hello", "ticket": ticket})
        served.upstream.last.finish()
        assert text_of(await events_of(await again)) == "Xin "
        assert len(served.upstream.calls) == 1

    async def test_a_refused_start_does_not_use_up_its_ticket(self, served: Served, clients: Clients) -> None:
        async with clients.named("alice").post("/api/tickets", json={"scope": "start"}) as response:
            ticket = (await response.json())["ticket"]
        for _ in range(2):
            path = f"{PATH}?prompt=x&model=gpt-9&ticket={ticket}"
            async with served.http.get(path, headers=EVENTS) as response:
                assert response.status == 404

    async def test_it_counts_as_a_stream_until_it_ends(self, served: Served, clients: Clients) -> None:
        headers: Mapping[str, str] = clients.named("reader").headers
        tasks = [by_post(served, headers=headers) for _ in range(3)]
        await served.called(3)
        async with served.http.post(PATH, json=BODY, headers=headers) as response:
            assert (response.status, (await error_of(response))["code"]) == (429, "rate_limit")
        for call in served.upstream.calls:
            call.finish()
        await asyncio.gather(*[response.read() for response in await asyncio.gather(*tasks)])
        task = by_post(served, headers=headers)
        await served.called(4)
        served.upstream.last.finish()
        assert (await task).status == 200
