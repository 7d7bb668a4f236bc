"""Where a client may say for how long its text is joined: parameters, commands, headers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.event_stream import EventStreamDecoder
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient, read_events
from tests.served.clients import BODY
from tests.served.errors import error_of
from tests.served.gateway import Served
from tests.served.viewers import SseViewer, WebSocketViewer, until
from tests.transports.chat_ui.clients import AG_UI, frames_of, run_input, text_of

EVENTS = {"Accept": "text/event-stream"}
JOINED = ["one ", "two three "]
SINGLE = ["one ", "two ", "three "]


async def send(served: Served, *words: str) -> None:
    """Send words that come one by one."""

    def has_reached(events: int) -> bool:
        return sum(record.generation.log.last for record in served.hub._records) >= events

    for word in words:
        reached = sum(record.generation.log.last for record in served.hub._records) + 1
        served.upstream.last.send(word)
        await until(partial(has_reached, reached))


async def dictate(served: Served, call: int = 1) -> None:
    """Send three words that come one by one, and the end, which takes with it what waits."""
    await served.called(call)
    await send(served, *SINGLE)
    served.upstream.last.finish()


async def texts_of(response: aiohttp.ClientResponse) -> list[str]:
    assert response.status == 200, await response.text()
    events = [orjson.loads(event.data) for event in EventStreamDecoder(1 << 20).feed(await response.read())]
    return [event["content"] for event in events if event["type"] == "chunk"]


@asynccontextmanager
async def detached(served: Served, **options: object) -> AsyncIterator[str]:
    """Start a generation that nobody reads yet; yield its id."""
    async with served.http.post("/api/generations", json={**BODY, "options": options}) as response:
        yield (await response.json())["id"]


@pytest.mark.parametrize("path", ["/api/chat/stream", "/api/chat/text"])
@pytest.mark.parametrize(("query", "texts"), [("", SINGLE), ("&coalesce_ms=500", JOINED), ("&coalesce_ms=0", SINGLE)])
async def test_an_event_source_says_it_in_its_url(served: Served, path: str, query: str, texts: list[str]) -> None:
    speaking = asyncio.ensure_future(dictate(served))
    async with served.http.get(f"{path}?prompt=Hello{query}", headers=EVENTS) as response:
        found = await texts_of(response)
    await speaking
    assert "".join(found) == "one two three "
    # A stream of text begins with the first content, and may find more than that.
    assert found == texts or path == "/api/chat/text"


@pytest.mark.parametrize(
    ("option", "query", "texts"),
    [
        (None, "", SINGLE),
        (None, "?coalesce_ms=500", JOINED),
        (500, "", JOINED),
        (500, "?coalesce_ms=0", SINGLE),
        (500, "?watch=true", JOINED),
    ],
)
async def test_a_viewer_says_it_in_its_url_or_its_start_has(
    served: Served, option: int | None, query: str, texts: list[str]
) -> None:
    async with (
        detached(served, coalesce_ms=option) as generation_id,
        served.http.get(f"/api/generations/{generation_id}/events{query}") as response,
    ):
        await dictate(served)
        assert await texts_of(response) == texts


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_comes_back_may_say_it(served: Served, method: str) -> None:
    async with detached(served) as generation_id:
        headers = {**EVENTS, "Last-Event-ID": f"{generation_id}:1"}
        async with served.http.request(method, "/api/chat/stream?coalesce_ms=500", headers=headers) as response:
            await dictate(served)
            assert await texts_of(response) == JOINED


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/generations/{id}/events?coalesce_ms=1001"),
        ("GET", "/api/generations/{id}/poll?coalesce_ms=-1"),
        ("GET", "/api/chat/text?prompt=x&coalesce_ms=x"),
    ],
)
async def test_what_is_no_number_of_milliseconds_is_refused(served: Served, method: str, path: str) -> None:
    async with detached(served) as generation_id:
        headers = EVENTS if "prompt" in path else {}
        async with served.http.request(method, path.format(id=generation_id), headers=headers) as response:
            assert response.status == 400
            assert (await error_of(response))["param"] == "coalesce_ms"
    assert len(served.hub._records) == 1


async def test_a_start_names_its_option(served: Served) -> None:
    for body, param in (
        ({**BODY, "options": {"coalesce_ms": 1001}}, "options.coalesce_ms"),
        ({**BODY, "coalesce_ms": 0.5}, "coalesce_ms"),
    ):
        async with served.http.post("/api/generations", json=body) as response:
            assert response.status == 400
            assert (await error_of(response))["param"] == param


async def test_generations_of_one_socket_have_their_own_intervals(served: Served) -> None:
    socket = WebSocketViewer(served.http)
    ids: list[object] = []
    for options in ({}, {"coalesce_ms": 500}):
        ids.append((await socket.command(type="start", **BODY, **options))["generation_id"])
        await dictate(served, len(ids))
    await until(lambda: all(record.generation.log.ended for record in served.hub._records))
    await socket.command(type="ping")
    for generation_id, texts in zip(ids, (SINGLE, JOINED), strict=True):
        events = [event for event in socket._events if event["generation_id"] == generation_id]
        assert [event["content"] for event in events if event["type"] == "chunk"] == texts
    await socket.leave()


async def test_an_attach_says_it_for_its_viewer_alone(served: Served) -> None:
    socket, other = WebSocketViewer(served.http), SseViewer(served.http)
    async with detached(served) as generation_id:
        await other.attach(generation_id, 0)
        assert (await socket.command(type="attach", generation_id=generation_id, coalesce_ms=500))["type"] == "ack"
        socket.generation_id = generation_id
        await dictate(served)
        for viewer, texts in ((socket, JOINED), (other, SINGLE)):
            seen = await viewer.to_end()
            assert [event["content"] for event in seen if event["type"] == "chunk"] == texts
    refused = await socket.command(type="attach", generation_id=generation_id, coalesce_ms=5000)
    assert (refused["type"], refused["param"]) == ("rejected", "coalesce_ms")
    await socket.leave()


class TestSetting:
    """The setting is the default of all starts."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"coalesce_ms": 500})

    @pytest.mark.parametrize(("options", "texts"), [({}, JOINED), ({"coalesce_ms": 0}, SINGLE)])
    async def test_it_counts_where_nobody_says_otherwise(
        self, served: Served, options: Mapping[str, object], texts: list[str]
    ) -> None:
        speaking = asyncio.ensure_future(dictate(served))
        async with served.http.post("/api/chat/stream", json={**BODY, "options": options}) as response:
            assert await texts_of(response) == texts
        await speaking


async def answered(served: Served, posting: "asyncio.Task[aiohttp.ClientResponse]") -> aiohttp.ClientResponse:
    """Send the first word; once the response has begun, the others one by one, and the end."""
    await served.called()
    first, *others = SINGLE
    served.upstream.last.send(first)
    response = await posting
    await until(lambda: served.hub.viewers == 1)
    await send(served, *others)
    served.upstream.last.finish()
    return response


class TestOtherApis:
    """A header says it, since URL and body are those of another API."""

    @pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))
    async def test_the_text_of_a_model_api_comes_joined(self, served: Served, client: ApiClient) -> None:
        posting = client.post(served.http, stream=True, headers={"X-Coalesce-Ms": "500"})
        response = await answered(served, asyncio.ensure_future(posting.__aenter__()))
        events, _ = await read_events(response)
        assert client.text(events) == "one two three "
        # Events that an API numbers stay as they are.
        texts = SINGLE if client.name == "openai_responses" else JOINED
        assert [text for event in events if (text := client.text([event]))] == texts

    async def test_a_header_that_is_not_valid_starts_nothing(self, served: Served) -> None:
        for path, body in (("/v1/chat/completions", {"model": "m", **BODY}), (AG_UI, run_input())):
            async with served.http.post(path, json=body, headers={"X-Coalesce-Ms": "fast"}) as response:
                assert response.status == 400
                assert (await response.json())["error"]["param"] == "x-coalesce-ms"
        assert not served.upstream.calls

    async def test_a_run_of_ag_ui(self, served: Served) -> None:
        posting = served.http.post(AG_UI, json=run_input(), headers={"X-Coalesce-Ms": "500"})
        response = await answered(served, asyncio.ensure_future(posting.__aenter__()))
        events = [frame.data for frame in frames_of(await response.read())]
        assert text_of(events) == "one two three "
        assert served.only.coalesce_ms == 500
