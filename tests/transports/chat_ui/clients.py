"""Clients of AG-UI and TanStack AI: what they send, and what they read."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import aiohttp
import orjson

from gateway.protocol.events import Usage
from tests.served.gateway import Served
from tests.served.viewers import until

Json = dict[str, Any]

AG_UI = "/api/ag-ui"
TANSTACK = "/api/tanstack"
USAGE = Usage(5, 3, "exact")


def run_input(text: str = "Hello", **fields: object) -> Json:
    """Return the input of a run."""
    messages = [{"id": "1", "role": "user", "content": text}]
    props = {"model": "m"}
    return {"threadId": "t", "runId": "r", "messages": messages, "forwardedProps": props, **fields}


class Sent(NamedTuple):
    """An event as it came: its id, "" for none, and its data."""

    id: str
    data: Json


def frames_of(body: bytes) -> Iterator[Sent]:
    """Yield the events of a stream of server-sent events, which has LF alone."""
    assert b"\r" not in body
    for block in body.split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
        event_id = next((line[4:].decode() for line in lines if line.startswith(b"id: ")), "")
        for line in lines:
            if line.startswith(b"data: "):
                yield Sent(event_id, orjson.loads(line[6:]))


def text_of(events: list[Json]) -> str:
    """Return the text that deltas add up to."""
    return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")


@asynccontextmanager
async def posted(
    served: Served, path: str, body: Json, session: aiohttp.ClientSession | None = None
) -> AsyncIterator["asyncio.Task[aiohttp.ClientResponse]"]:
    """Post the input of a run, and wait until the provider is called."""
    calls = len(served.upstream.calls)
    task = asyncio.ensure_future((session or served.http).post(path, json=body).__aenter__())
    try:
        await until(lambda: len(served.upstream.calls) > calls or task.done())
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            (await task).close()


async def answered(served: Served, path: str, *pieces: str, body: Json | None = None) -> list[Sent]:
    """Return the events of a run whose provider sends these pieces."""
    async with posted(served, path, body or run_input()) as task:
        for piece in pieces or ("Xin ", "chào"):
            served.upstream.last.send(piece)
        served.upstream.last.finish(usage=USAGE)
        return [*frames_of(await (await task).read())]


async def read_until(response: aiohttp.ClientResponse, text: bytes) -> bytes:
    """Read a response until a text has come; return all that has."""
    body = b""
    while text not in body:
        body += await response.content.readany()
    return body
