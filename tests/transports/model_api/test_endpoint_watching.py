"""A generation that a client of a model API started is one of ours: watched, stopped, revised and resumed natively."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.client import Client, TransportName
from gateway.protocol.events import Chunk, Complete, Usage, Verbatim
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient, read_events
from tests.served.gateway import Served
from tests.served.viewers import VIEWERS, SseViewer, ViewingClient, until

USAGE = Usage(5, 3, "exact")


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> ApiClient:
    return CLIENTS[request.param]


@pytest.fixture(params=["sse", "websocket"])
def viewer(request: pytest.FixtureRequest, served: Served) -> ViewingClient:
    return VIEWERS[request.param](served.http)


@asynccontextmanager
async def streaming(served: Served, client: ApiClient, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """Start a generation over a model API, with its first words."""
    task = asyncio.ensure_future(client.post(served.http, stream=True, headers=headers).__aenter__())
    await served.called()
    served.upstream.last.send("Once ")
    async with await task as response:
        yield response


async def test_it_is_watched_live_and_interrupted(served: Served, client: ApiClient, viewer: ViewingClient) -> None:
    async with streaming(served, client) as response:
        generation_id = response.headers["X-Generation-ID"]
        await viewer.attach(generation_id, 0)
        assert (await viewer.until("chunk"))["content"] == "Once "
        served.upstream.last.send("upon ")
        assert (await viewer.until("chunk"))["content"] == "upon "
        await viewer.interrupt(generation_id)
        events, is_cut = await read_events(response)
        assert client.text(events) == "Once upon "
        assert not is_cut
        end = (await viewer.to_end())[-1]
        assert (end["type"], end["by"], end["reason"]) == ("interrupted", "client", "enough")
    assert served.upstream.open_calls == 0
    await viewer.leave()


async def test_feedback_from_elsewhere_goes_on_in_the_same_response(
    served: Served, client: ApiClient, viewer: ViewingClient
) -> None:
    async with streaming(served, client) as response:
        generation_id = response.headers["X-Generation-ID"]
        await viewer.attach(generation_id, 0)
        await viewer.until("chunk")
        await viewer.feedback(generation_id, {"text": "In Vietnamese."})
        await served.called(2)
        served.upstream.last.send("Ngày xưa")
        served.upstream.last.finish(usage=USAGE)
        events, is_cut = await read_events(response)
        text = client.text(events)
        assert text.startswith("Once ")
        assert text.endswith("Ngày xưa")
        assert not is_cut
        await viewer.to_end()
        assert "revision" in [event["type"] for event in viewer.seen]
    await viewer.leave()


async def test_it_is_resumed_on_another_transport(served: Served, client: ApiClient, viewer: ViewingClient) -> None:
    async with streaming(served, client, **{"X-On-Disconnect": "continue"}) as response:
        generation_id = response.headers["X-Generation-ID"]
        position = served.only.log.last
    await until(lambda: served.hub.viewers == 0)
    served.upstream.last.send("upon ")
    served.upstream.last.send("a time")
    served.upstream.last.finish(usage=USAGE)
    await viewer.attach(generation_id, position)
    await viewer.to_end()
    assert viewer.text == "upon a time"
    await viewer.leave()


async def test_reading_again_counts_and_prices_nothing(
    served: Served, client: ApiClient, viewer: ViewingClient
) -> None:
    async with streaming(served, client) as response:
        served.upstream.last.finish(usage=USAGE)
        await read_events(response)
    before, generation = served.hub.stats(), served.only
    charged, cost = generation.charged(), generation.cost()
    for _ in range(2):
        await viewer.attach(generation.id, 0)
        assert (await viewer.to_end())[-1]["usage"]["input_tokens"] == 5  # type: ignore[index]
        await viewer.leave()
        viewer = type(viewer)(served.http)
        async with served.http.get(f"/api/generations/{generation.id}") as snapshot:
            assert (await snapshot.json())["usage"]["output_tokens"] == 3
        if client.name == "openai_responses":
            async with served.http.get(f"/v1/responses/resp{generation.id[1:]}") as retrieved:
                assert (await retrieved.json())["usage"]["output_tokens"] == 3
    await until(lambda: served.hub.viewers == 0)
    assert (generation.charged(), generation.cost(), generation.usage()) == (charged, cost, USAGE)
    assert served.hub.stats() == before
    assert len(served.upstream.calls) == 1


async def test_data_of_the_provider_leaves_numbers_out(
    served: Served, client: ApiClient, viewer: ViewingClient
) -> None:
    async with streaming(served, client) as response:
        await viewer.attach(response.headers["X-Generation-ID"], 0)
        await viewer.until("chunk")
        served.upstream.last.send(Verbatim(b'{"type":"ping"}'), Verbatim(b'{"type":"ping"}'), Chunk("upon "))
        served.upstream.last.send(Verbatim(b'{"type":"ping"}'))
        served.upstream.last.finish(usage=USAGE)
        seen = await viewer.to_end()
        assert viewer.text == "Once upon "
        numbers = [int(str(event["seq"])) for event in seen]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] > len(numbers)
        assert "verbatim" not in {event["type"] for event in seen}
        # Our client takes the jumps, and connects once.
        transport: TransportName = "sse" if isinstance(viewer, SseViewer) else "ws"
        async with Client(served.url, transport=transport) as ours:
            answer = ours.attach(served.only.id)
            read = [event async for event in answer]
            assert isinstance(read[-1], Complete)
            assert answer.text == "Once upon "
            assert answer.attachments == 1
    await viewer.leave()
