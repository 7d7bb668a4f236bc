"""Clients of OpenAI's Responses API: what they send, and what they read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import orjson

from gateway.protocol.events import Usage
from tests.served.gateway import Served
from tests.served.viewers import until

Json = dict[str, Any]

PATH = "/v1/responses"
USAGE = Usage(5, 3, "exact")


def request(text: str = "Hello", **fields: object) -> Json:
    """Return the body of a request."""
    return {"model": "m", "input": [{"role": "user", "content": text}], **fields}


def events_of(body: bytes) -> list[Json]:
    """Return the events of a stream."""
    return [orjson.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]


def numbers_of(events: Sequence[Json]) -> list[int]:
    """Return the `sequence_number` of each event."""
    return [event["sequence_number"] for event in events]


def text_of(events: Sequence[Json]) -> str:
    """Return the text that deltas add up to."""
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def answer(served: Served, *pieces: str) -> None:
    """Send an answer to the newest call of the provider, and end it."""
    for piece in pieces or ("Xin ", "chào"):
        served.upstream.last.send(piece)
    served.upstream.last.finish(usage=USAGE)


@asynccontextmanager
async def posted(
    served: Served, body: Json, session: aiohttp.ClientSession | None = None
) -> AsyncIterator["asyncio.Task[aiohttp.ClientResponse]"]:
    """Post a request, and wait until the provider is called."""
    calls = len(served.upstream.calls)
    task = asyncio.ensure_future((session or served.http).post(PATH, json=body).__aenter__())
    try:
        await until(lambda: len(served.upstream.calls) > calls or task.done())
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            (await task).close()


async def created(served: Served, body: Json, *pieces: str, session: aiohttp.ClientSession | None = None) -> Json:
    """Create a response that is not streamed, let the provider answer, and return it."""
    async with posted(served, body, session) as task:
        answer(served, *pieces)
        document: Json = await (await task).json()
        assert "id" in document, document
        return document


async def got(
    served: Served, path: str, method: str = "GET", session: aiohttp.ClientSession | None = None
) -> tuple[int, Json]:
    """Return the status and the JSON of a response."""
    async with (session or served.http).request(method, f"{PATH}/{path}") as response:
        return response.status, await response.json()


async def replayed(served: Served, path: str) -> list[Json]:
    """Return the events of a response that is streamed to its end."""
    async with served.http.get(f"{PATH}/{path}") as response:
        assert response.status == 200
        return events_of(await response.read())
