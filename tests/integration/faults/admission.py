"""Limits and turns: how exact, and how fair."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import orjson

from gateway.client import TransportName
from tests.integration.faults.servers import PROMPT, Gateway, busy, until_idle
from tests.integration.faults.timeline import differing

ENDLESS = "sim?ttft=0&speed=85&length=100000"
BRIEF = "sim?ttft=30&speed=0&length=20"
INSTANT = "sim?ttft=0&speed=0&length=1"
PATIENCE = 60.0
POLL_SECONDS = 0.01
ROUNDING_S = 0.002
"""What milliseconds may have lost of a time."""

Shown = dict[str, object]


def behind(address: str) -> dict[str, str]:
    """Give the header by which a trusted proxy names the client."""
    return {"X-Forwarded-For": address}


def body(model: str) -> dict[str, object]:
    """Make the body of a start."""
    return {"model": model, "messages": [{"role": "user", "content": PROMPT}]}


@dataclass(slots=True)
class Fairness:
    """How long the one waited, and the hundred. Times in milliseconds, since the first slot became free."""

    transport: TransportName
    crowd: int
    position: int
    the_one_ms: float
    first_of_crowd_ms: float
    median_of_crowd_ms: float
    last_of_crowd_ms: float
    left: dict[str, int]

    def deviations(self) -> list[str]:
        """Say what is not as it must be: one of the crowd stands before the one, and no more."""
        return differing(
            position=(self.position, 2),
            sooner_than_most=(self.the_one_ms < self.median_of_crowd_ms < self.last_of_crowd_ms, True),
            left=(self.left, {}),
        )


async def fairness(gateway: Gateway, transport: TransportName, crowd: int) -> Fairness:
    """Let one principal queue a hundred, another one, behind a single slot that then becomes free."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession(gateway.address) as http:
        holder = await _detached(http, "10.0.0.1", ENDLESS)
        waiting = [await _detached(http, "10.0.0.1", BRIEF) for _ in range(crowd)]
        async with AsyncExitStack() as held:
            next_event = await _viewer(held, http, transport, "10.0.0.2", BRIEF)
            position = 0
            while not position:
                event = await next_event()
                if event["type"] == "queued":
                    position = int(str(event["position"]))
            async with http.post(f"/api/generations/{holder}/interrupt") as response:
                assert response.status == 202
            freed = time.monotonic()
            while (event := await next_event())["type"] != "start":
                pass
            the_one = (time.monotonic() - freed) * 1000
            while (event := await next_event())["type"] != "complete":
                pass
        left = busy(await until_idle(http, "", PATIENCE))
        # What the crowd waited, by the gateway's own clock; the first of them got the slot when it became free.
        waits = sorted([await _waited(http, one) for one in waiting])
    return Fairness(
        transport, crowd, position, the_one, waits[0], statistics.median(waits) - waits[0], waits[-1] - waits[0], left
    )


async def _detached(http: aiohttp.ClientSession, client: str, model: str) -> str:
    async with http.post("/api/generations", json=body(model), headers=behind(client)) as response:
        answer = await response.json()
        assert response.status == 201, answer
        identity: str = answer["id"]
        return identity


async def _waited(http: aiohttp.ClientSession, generation_id: str) -> float:
    async with http.get(f"/api/generations/{generation_id}") as response:
        waited: float = (await response.json())["metrics"]["queue_ms"]
        return waited


async def _viewer(
    held: AsyncExitStack, http: aiohttp.ClientSession, transport: TransportName, client: str, model: str
) -> Callable[[], Awaitable[Shown]]:
    """Start a generation that is viewed; give what waits for its next event."""
    if transport == "ws":
        socket = await held.enter_async_context(http.ws_connect("/api/ws", headers=behind(client)))
        await socket.send_json({"type": "start", **body(model)})

        async def next_message() -> Shown:
            message: Shown = await socket.receive_json()
            return message

        return next_message
    response = await held.enter_async_context(http.post("/api/chat/stream", json=body(model), headers=behind(client)))
    assert response.status == 200, await response.text()

    async def next_frame() -> Shown:
        return await sse_event(response)

    return next_frame


async def sse_event(response: aiohttp.ClientResponse) -> Shown:
    """Read one frame's JSON, without help from our client."""
    while line := await response.content.readline():
        if line.startswith(b"data: "):
            event: Shown = orjson.loads(line[6:])
            return event
    message = "the stream has ended"
    raise EOFError(message)


@dataclass(slots=True)
class Limited:
    """How many starts passed in a time, against how many the limit lets through in it."""

    transport: TransportName
    per_minute: int
    burst: int
    seconds: float
    asked: int = 0
    allowed: int = 0
    at_least: float = 0.0
    at_most: float = 0.0
    too_early: int = 0
    """Starts that passed before the time that the refusal before them had said."""
    too_late: int = 0
    """Starts that were refused although that time had passed."""
    left: dict[str, int] = field(default_factory=dict)

    def deviations(self) -> list[str]:
        """Say what is not as it must be."""
        return differing(
            some_refused=(self.asked > self.allowed, True),
            not_too_few=(self.allowed >= self.at_least, True),
            not_too_many=(self.allowed <= self.at_most, True),
            too_early=(self.too_early, 0),
            too_late=(self.too_late, 0),
            left=(self.left, {}),
        )


async def limiter(gateway: Gateway, transport: TransportName, per_minute: int, burst: int, seconds: float) -> Limited:
    """Start as often as it goes, and count what passes."""
    seen = Limited(transport, per_minute, burst, seconds)
    client = "10.0.1.1" if transport == "sse" else "10.0.1.2"
    async with aiohttp.ClientSession(gateway.address) as http, AsyncExitStack() as held:
        ask = await _asking(held, http, transport, client)
        rate, began = per_minute / 60, time.monotonic()
        refused_from = refused_until = 0.0
        first_done = sent = done = began
        while done - began < seconds:
            sent = time.monotonic()
            wait = await ask()
            done = time.monotonic()
            first_done = first_done if seen.asked else done
            seen.asked += 1
            if wait is None:
                seen.allowed += 1
                # The decision fell before `done`, and the advice was counted from a moment after the refused was sent.
                seen.too_early += done < refused_from - ROUNDING_S
                refused_from = refused_until = 0.0
            else:
                seen.too_late += bool(refused_until) and sent > refused_until + ROUNDING_S
                refused_from, refused_until = sent + wait, done + wait
            await asyncio.sleep(POLL_SECONDS)
        seen.at_least = burst + rate * (sent - first_done) - 1
        seen.at_most = burst + rate * (done - began)
        seen.seconds = done - began
        seen.left = busy(await until_idle(http, ""))
    return seen


async def _asking(
    held: AsyncExitStack, http: aiohttp.ClientSession, transport: TransportName, client: str
) -> Callable[[], Awaitable[float | None]]:
    """Give what starts a generation: it tells the seconds to wait if that is refused, else None."""
    if transport == "sse":

        async def post() -> float | None:
            async with http.post("/api/chat/stream", json=body(INSTANT), headers=behind(client)) as response:
                if response.status == 200:
                    await response.read()
                    return None
                error = (await response.json())["error"]
                assert (response.status, error["code"]) == (429, "rate_limit"), error
                return float(error["retry_after_ms"]) / 1000

        return post
    socket = await held.enter_async_context(http.ws_connect("/api/ws", headers=behind(client)))

    async def send() -> float | None:
        await socket.send_json({"type": "start", "id": 1, **body(INSTANT)})
        while True:
            message = await socket.receive_json()
            if message["type"] == "rejected":
                assert message["code"] == "rate_limit", message
                return float(message["retry_after_ms"]) / 1000
            if message["type"] == "complete":
                return None

    return send
