"""httpx-sse: a POST with a key. It does not reconnect: after a cut, its caller sends the position."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
from httpx_sse import aconnect_sse, connect_sse

from tests.integration.clients.drivers import kit
from tests.integration.clients.drivers.kit import finish, scenario
from tests.integration.clients.drivers.readers import Request, Result, play

RECONNECT_SECONDS = 0.1
NO_CONTENT = 204


def address(request: Request) -> tuple[str, str, dict[str, Any]]:
    """Return the method, URL and body of a request."""
    if request.generation:
        return "GET", f"{request.base}/api/generations/{request.generation}/events", {}
    return "POST", f"{request.base}/api/chat/stream", {"json": request.start}


def headers(request: Request, reading: Result) -> dict[str, str]:
    """Return the headers of a request, with the position that is reached."""
    position = {"Last-Event-ID": str(reading.positions[-1])} if reading.positions else {}
    return {"Authorization": f"Bearer {request.key}", **position}


async def read(request: Request) -> Result:
    """Read an answer to its end, over as many connections as that takes."""
    reading = Result(request.on_event)
    method, url, body = address(request)
    async with httpx.AsyncClient() as client:
        while reading.end is None:
            try:
                async with aconnect_sse(client, method, url, headers=headers(request, reading), **body) as source:
                    if source.response.is_error:
                        await source.response.aread()
                        reading.end = source.response.json()["error"]
                        break
                    reading.connections += 1
                    async for event in source.aiter_sse():
                        reading.take(event.json(), event.id)
            except httpx.TransportError:
                await asyncio.sleep(RECONNECT_SECONDS)
    return reading


def events_until_error(client: httpx.Client, reading: Result, word: str) -> Iterator[None]:
    """Read one connection to its end, with the client that is not asynchronous."""
    request = Request(word)
    method, url, body = address(request)
    with connect_sse(client, method, url, headers=headers(request, reading), **body) as source:
        for event in source.iter_sse():
            reading.take(event.json(), event.id)
            yield


play("post", read)


@scenario("post/abort")
def _() -> str:
    reading = Result()
    body = {**Request("slow").start, "options": {"on_disconnect": "cancel"}}
    with (
        httpx.Client() as client,
        connect_sse(
            client, "POST", f"{kit.BASE_URL}/api/chat/stream", json=body, headers=headers(Request(), reading)
        ) as source,
    ):
        for event in source.iter_sse():
            reading.take(event.json(), event.id)
            if reading.pieces == 3:
                break
    return kit.hung_up()


@scenario("post/silence")
def _() -> str:
    """Read an answer with a pause of 6.5 s. httpx waits for 5 s by default: heartbeats keep it, and are no events."""
    reading = Result()
    with httpx.Client() as client:
        for _event in events_until_error(client, reading, "pause"):
            pass
    assert reading.text == kit.TEXT
    return f"{len(reading.types)} events"


@scenario("post/timeout")
def _() -> str:
    """Read it with a timeout that is shorter than the interval of heartbeats: the caller resumes each time."""
    reading = Result()
    failures = []
    with httpx.Client(timeout=1) as client:
        while reading.end is None:
            try:
                for _event in events_until_error(client, reading, "pause"):
                    pass
            except httpx.ReadTimeout as error:
                failures.append(error)
    assert reading.text == kit.TEXT
    assert failures
    return f"{len(failures)} times {failures[0]!r}"


@scenario("post/end")
def _() -> None:
    """A reader that comes back after the end is answered with 204 and no event."""
    reading = Result()
    with httpx.Client() as client:
        for _event in events_until_error(client, reading, "text"):
            pass
        method, url, body = address(Request())
        response = client.request(method, url, headers=headers(Request(), reading), **body)
    assert (response.status_code, response.content) == (NO_CONTENT, b"")


finish()
