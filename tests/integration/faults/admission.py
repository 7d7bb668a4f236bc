"""How exact the rate limit is, and how fair the queue."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import orjson

from gateway.client import TransportName
from tests.integration.faults.servers import PROMPT, Gateway, nonzero, until_idle
from tests.integration.faults.timeline import differences

ENDLESS = "sim?ttft=0&speed=85&length=100000"
BRIEF = "sim?ttft=30&speed=0&length=20"
INSTANT = "sim?ttft=0&speed=0&length=1"
TIMEOUT = 60.0
POLL_SECONDS = 0.01
ROUNDING_S = 0.002
"""Tolerance for times that are rounded to milliseconds."""

JsonObject = dict[str, object]


def forwarded_for(address: str) -> dict[str, str]:
    """Return the header in which a trusted proxy sends the client's address."""
    return {"X-Forwarded-For": address}


def body(model: str) -> dict[str, object]:
    """Return the body of a start."""
    return {"model": model, "messages": [{"role": "user", "content": PROMPT}]}


@dataclass(slots=True)
class Fairness:
    """Waits of the one generation and of the hundred, in milliseconds from the release of the slot."""

    transport: TransportName
    waiting: int
    position: int
    wait_ms: float
    shortest_queue_ms: float
    median_ms: float
    longest_ms: float
    leftover: dict[str, int]

    def deviations(self) -> list[str]:
        """Return deviations: exactly one of the hundred must be before the one."""
        return differences(
            position=(self.position, 2),
            waits_less_than_most=(self.wait_ms < self.median_ms < self.longest_ms, True),
            leftover=(self.leftover, {}),
        )


async def fairness(gateway: Gateway, transport: TransportName, waiting: int) -> Fairness:
    """Queue `waiting` generations of one principal and one of another, then release the only slot."""
    async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession(gateway.address) as http:
        holder = await _detached(http, "10.0.0.1", ENDLESS)
        queued = [await _detached(http, "10.0.0.1", BRIEF) for _ in range(waiting)]
        async with AsyncExitStack() as held:
            next_event = await _viewer(held, http, transport, "10.0.0.2", BRIEF)
            position = 0
            while not position:
                event = await next_event()
                if event["type"] == "queued":
                    position = int(str(event["position"]))
            async with http.post(f"/api/generations/{holder}/interrupt") as response:
                assert response.status == 202
            released_at = time.monotonic()
            while (event := await next_event())["type"] != "start":
                pass
            wait_ms = (time.monotonic() - released_at) * 1000
            while (event := await next_event())["type"] != "complete":
                pass
        leftover = nonzero(await until_idle(http, "", TIMEOUT))
        # The waits of the hundred by the gateway's own clock; the first of them got the slot when it was released.
        waits = sorted([await _queue_ms(http, generation_id) for generation_id in queued])
    median, longest = statistics.median(waits) - waits[0], waits[-1] - waits[0]
    return Fairness(transport, waiting, position, wait_ms, waits[0], median, longest, leftover)


async def _detached(http: aiohttp.ClientSession, client: str, model: str) -> str:
    """Start a generation without a viewer; return its id."""
    async with http.post("/api/generations", json=body(model), headers=forwarded_for(client)) as response:
        answer = await response.json()
        assert response.status == 201, answer
        generation_id: str = answer["id"]
        return generation_id


async def _queue_ms(http: aiohttp.ClientSession, generation_id: str) -> float:
    async with http.get(f"/api/generations/{generation_id}") as response:
        queue_ms: float = (await response.json())["metrics"]["queue_ms"]
        return queue_ms


async def _viewer(
    held: AsyncExitStack, http: aiohttp.ClientSession, transport: TransportName, client: str, model: str
) -> Callable[[], Awaitable[JsonObject]]:
    """Start a generation with a viewer; return a function that waits for its next event."""
    if transport == "ws":
        socket = await held.enter_async_context(http.ws_connect("/api/ws", headers=forwarded_for(client)))
        await socket.send_json({"type": "start", **body(model)})

        async def next_message() -> JsonObject:
            message: JsonObject = await socket.receive_json()
            return message

        return next_message
    response = await held.enter_async_context(
        http.post("/api/chat/stream", json=body(model), headers=forwarded_for(client))
    )
    assert response.status == 200, await response.text()

    async def next_frame() -> JsonObject:
        return await sse_event(response)

    return next_frame


async def sse_event(response: aiohttp.ClientResponse) -> JsonObject:
    """Read the data of one event, without our client."""
    while line := await response.content.readline():
        if line.startswith(b"data: "):
            event: JsonObject = orjson.loads(line[6:])
            return event
    message = "the stream has ended"
    raise EOFError(message)


@dataclass(slots=True)
class RateLimit:
    """How many starts were accepted in a period, and how many the limit allows."""

    transport: TransportName
    per_minute: int
    burst: int
    seconds: float
    tried: int = 0
    accepted: int = 0
    min_accepted: float = 0.0
    max_accepted: float = 0.0
    early: int = 0
    """Starts accepted before the time that the last refusal advised."""
    late: int = 0
    """Starts refused after that time."""
    leftover: dict[str, int] = field(default_factory=dict)

    def deviations(self) -> list[str]:
        """Return the deviations."""
        return differences(
            some_refused=(self.tried > self.accepted, True),
            not_too_few=(self.accepted >= self.min_accepted, True),
            not_too_many=(self.accepted <= self.max_accepted, True),
            early=(self.early, 0),
            late=(self.late, 0),
            leftover=(self.leftover, {}),
        )


async def limiter(gateway: Gateway, transport: TransportName, per_minute: int, burst: int, seconds: float) -> RateLimit:
    """Start as often as possible, and count the accepted starts."""
    seen = RateLimit(transport, per_minute, burst, seconds)
    client = "10.0.1.1" if transport == "sse" else "10.0.1.2"
    async with aiohttp.ClientSession(gateway.address) as http, AsyncExitStack() as held:
        start = await _starter(held, http, transport, client)
        rate, started_at = per_minute / 60, time.monotonic()
        refused_from = refused_until = 0.0
        first_done = sent = done = started_at
        while done - started_at < seconds:
            sent = time.monotonic()
            wait = await start()
            done = time.monotonic()
            first_done = first_done if seen.tried else done
            seen.tried += 1
            if wait is None:
                seen.accepted += 1
                # The gateway decided before `done`, and its advice began after the refused start was sent.
                seen.early += done < refused_from - ROUNDING_S
                refused_from = refused_until = 0.0
            else:
                seen.late += bool(refused_until) and sent > refused_until + ROUNDING_S
                refused_from, refused_until = sent + wait, done + wait
            await asyncio.sleep(POLL_SECONDS)
        seen.min_accepted = burst + rate * (sent - first_done) - 1
        seen.max_accepted = burst + rate * (done - started_at)
        seen.seconds = done - started_at
        seen.leftover = nonzero(await until_idle(http, ""))
    return seen


async def _starter(
    held: AsyncExitStack, http: aiohttp.ClientSession, transport: TransportName, client: str
) -> Callable[[], Awaitable[float | None]]:
    """Return a function that starts a generation; it returns the seconds to wait if that is refused, else None."""
    if transport == "sse":

        async def post() -> float | None:
            async with http.post("/api/chat/stream", json=body(INSTANT), headers=forwarded_for(client)) as response:
                if response.status == 200:
                    await response.read()
                    return None
                error = (await response.json())["error"]
                assert (response.status, error["code"]) == (429, "rate_limit"), error
                return float(error["retry_after_ms"]) / 1000

        return post
    socket = await held.enter_async_context(http.ws_connect("/api/ws", headers=forwarded_for(client)))

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
