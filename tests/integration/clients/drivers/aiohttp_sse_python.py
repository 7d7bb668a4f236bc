"""aiohttp-sse-client2: a GET with a key. It raises when the connection breaks, and its caller comes back."""

import asyncio
import json
from typing import Any

import aiohttp
from aiohttp_sse_client2.client import EventSource

from tests.integration.clients.drivers import kit
from tests.integration.clients.drivers.kit import finish, prompt, scenario
from tests.integration.clients.drivers.readers import Request, Result, play

RECONNECT_SECONDS = 0.1


def source(request: Request, reading: Result) -> EventSource:
    """Return the reader of a request, from the position that is reached."""
    headers = {"Authorization": f"Bearer {request.key}"}
    if reading.positions:
        headers["Last-Event-ID"] = str(reading.positions[-1])
    options: dict[str, Any] = {"headers": headers}
    if request.generation:
        return EventSource(f"{request.base}/api/generations/{request.generation}/events", **options)
    options["params"] = {"prompt": prompt(request.word), "model": request.model}
    return EventSource(f"{request.base}/api/chat/stream", **options)


async def read(request: Request) -> Result:
    """Read an answer to its end, over as many connections as that takes."""
    reading = Result(request.on_event)
    while reading.end is None:
        try:
            async with source(request, reading) as events:
                async for event in events:
                    if reading.take(json.loads(event.data), event.last_event_id):
                        break
        except aiohttp.ClientError:
            await asyncio.sleep(RECONNECT_SECONDS)
    return reading


# A GET has one prompt and no options.
play("event-source", read, without=frozenset({"tools", "next-turn"}))


@scenario("event-source/end")
async def _() -> str:
    """A reader that goes on after the end is answered with 204, for which this client raises."""
    reading = Result()
    try:
        async with source(Request(), reading) as events:
            async for event in events:
                reading.take(json.loads(event.data), event.last_event_id)
    except ConnectionAbortedError as error:
        assert reading.text == kit.TEXT
        assert "204" in str(error)
        return type(error).__name__
    message = "it was not told that the answer has ended"
    raise AssertionError(message)


finish()
