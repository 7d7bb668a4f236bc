"""Chats of the AI SDK: what its transports send, and what they read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp
import orjson

from gateway.protocol.events import Usage
from tests.gateway.dialects.ai_sdk.requests import Json, user
from tests.served.gateway import Served
from tests.served.viewers import until

PATH = "/api/ai-sdk/chat"
USAGE = Usage(5, 3, "exact")


def body(words: str = "Hello", chat: str = "c/1", **fields: object) -> Json:
    """Return the body of a message."""
    return {"id": chat, "messages": [user(words)], "trigger": "submit-message", **fields}


def path(chat: str, what: str) -> str:
    """Return the path of a chat, as the SDK builds it."""
    return f"{PATH}/{chat.replace('/', '%2F')}/{what}"


def chunks_in(data: bytes) -> list[Json]:
    """Return the chunks of a whole response; the SDK's end must follow them."""
    frames = [line[6:] for line in data.splitlines() if line.startswith(b"data: ")]
    assert frames[-1] == b"[DONE]"
    return [orjson.loads(frame) for frame in frames[:-1]]


def answer(served: Served, *pieces: str) -> None:
    """Send an answer to the newest call of the provider, and end it."""
    for piece in pieces or ("Xin ", "chào"):
        served.upstream.last.send(piece)
    served.upstream.last.finish(usage=USAGE)


@asynccontextmanager
async def sent(
    served: Served, message: Json, session: aiohttp.ClientSession | None = None, **headers: str
) -> AsyncIterator["asyncio.Task[aiohttp.ClientResponse]"]:
    """Send a message, and wait until the provider is called."""
    calls = len(served.upstream.calls)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    posting = (session or served.http).post(PATH, json=message, headers=named)
    task = asyncio.ensure_future(posting.__aenter__())
    try:
        await until(lambda: len(served.upstream.calls) > calls or task.done())
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            (await task).close()


async def chatted(served: Served, message: Json, *pieces: str, **headers: str) -> list[Json]:
    """Send a message, let the provider answer, and return the chunks."""
    async with sent(served, message, None, **headers) as task:
        answer(served, *pieces)
        return chunks_in(await (await task).read())


async def begun(task: "asyncio.Task[aiohttp.ClientResponse]", served: Served, *pieces: str) -> aiohttp.ClientResponse:
    """Return a response whose text has begun."""
    for piece in pieces or ("Xin ",):
        served.upstream.last.send(piece)
    response = await task
    while b"text-delta" not in await response.content.readany():
        pass
    return response


def of_message(chunks: Sequence[Json]) -> list[Json]:
    """Return the chunks without signals."""
    return [chunk for chunk in chunks if not chunk["type"].startswith("data-")]
