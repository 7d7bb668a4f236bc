"""How long chunks and interrupts take between two gateways: one viewer on each, both in this process."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import orjson
import uvloop

from tests.bench.figures import quantile
from tests.bench.messages import AnswerSpec
from tests.bench.replicas.bed import Bed, bed

POSITION: Final = re.compile(rb"id: g_[^:\n]*:(\d+)\n")
MESSAGES: Final = [{"role": "user", "content": "Why is the sky blue?"}]


@dataclass(slots=True)
class Seen:
    """When a viewer received the events up to each number, in seconds."""

    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    attached_at: float = 0.0


def measure(runs: int, streams: int) -> str:
    """Return the figures of both, as text."""
    with bed(2, with_redis=True) as running:
        parts = [uvloop.run(_delays(running, streams)) for _ in range(runs)]
        interrupts = [uvloop.run(_interrupts(running, streams, at)) for at in (0, 1) for _ in range(runs)]
    return "\n".join(["delay on the second gateway after the owner's viewer:", *parts, "interrupts:", *interrupts])


# Chunks.


async def _delays(running: Bed, streams: int) -> str:
    answer = AnswerSpec(100, interval_ms=50, first_ms=1000)
    async with _session() as http:
        pairs = await asyncio.gather(*(_pair(http, running, answer, number / streams) for number in range(streams)))
    delays, firsts, attaches = list[float](), list[float](), list[float]()
    for owner, other in pairs:
        at = 0
        for number, seen_at in zip(owner.numbers, owner.times, strict=True):
            while at < len(other.numbers) and other.numbers[at] < number:
                at += 1
            if at < len(other.numbers) and number > 2:
                (firsts if number == 3 else delays).append(1000 * (other.times[at] - seen_at))
        attaches.append(1000 * (other.times[0] - other.attached_at))
    return (
        f"  {streams} streams of 20 tokens a second: chunks {_spread(delays)}; first token {_spread(firsts)}; "
        f"attach until its first event {_spread(attaches)} ms"
    )


async def _pair(http: aiohttp.ClientSession, running: Bed, answer: AnswerSpec, after: float) -> tuple[Seen, Seen]:
    await asyncio.sleep(after)
    owner, other = (f"http://127.0.0.1:{gateway.port}" for gateway in running.gateways)
    body = {"model": answer.model_name(), "messages": MESSAGES}
    async with http.post(f"{owner}/api/chat/stream", json=body) as here:
        attached_at = time.perf_counter()
        path = f"{other}/api/generations/{here.headers['X-Generation-ID']}/events"
        async with http.get(path) as there:
            assert there.status == 200, await there.text()
            seen = await asyncio.gather(_read(here), _read(there))
    seen[1].attached_at = attached_at
    return seen[0], seen[1]


async def _read(response: aiohttp.ClientResponse) -> Seen:
    seen = Seen()
    while data := await response.content.readany():
        now = time.perf_counter()
        for number in POSITION.findall(data):
            seen.numbers.append(int(number))
            seen.times.append(now)
    return seen


# Interrupts.


async def _interrupts(running: Bed, streams: int, at: int) -> str:
    owner = f"http://127.0.0.1:{running.gateways[0].port}"
    there = f"http://127.0.0.1:{running.gateways[at].port}"
    async with _session() as http, AsyncExitStack() as stack:
        sockets = []
        for _ in range(streams):
            start = {"model": AnswerSpec(100_000, interval_ms=100).model_name(), "messages": MESSAGES}
            async with http.post(f"{owner}/api/generations", json=start) as response:
                generation_id = (await response.json())["id"]
            socket = await stack.enter_async_context(http.ws_connect(f"{there}/api/ws"))
            await socket.send_json({"type": "attach", "id": 1, "generation_id": generation_id})
            sockets.append((socket, generation_id))
        await asyncio.gather(*(_until(socket, "chunk") for socket, _ in sockets))
        acks, ends, cancels = list[float](), list[float](), list[float]()
        tasks = []
        for socket, generation_id in sockets:
            tasks.append(asyncio.create_task(_interrupt(socket, generation_id, acks, ends, cancels)))
            await asyncio.sleep(0.03)
        await asyncio.gather(*tasks)
    name = "of a generation of another gateway" if at else "of a local generation"
    return (
        f"  {streams} {name}: command sent → ack {_spread(acks)}, → `interrupted` {_spread(ends)}; "
        f"cancel_ms {_spread(cancels)} ms"
    )


async def _interrupt(
    socket: aiohttp.ClientWebSocketResponse,
    generation_id: str,
    acks: list[float],
    ends: list[float],
    cancels: list[float],
) -> None:
    sent_at = time.perf_counter()
    await socket.send_json({"type": "interrupt", "id": 2, "generation_id": generation_id})
    seen = set[str]()
    while not {"ack", "interrupted"} <= seen:
        event = orjson.loads((await socket.receive()).data)
        if event["type"] in {"ack", "interrupted", "rejected"}:
            seen.add(event["type"])
            took = 1000 * (time.perf_counter() - sent_at)
            assert event["type"] != "rejected", event
            (acks if event["type"] == "ack" else ends).append(took)
            if event["type"] == "interrupted":
                cancels.append(event["cancel_ms"])


async def _until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> None:
    while orjson.loads((await socket.receive()).data)["type"] != kind:
        pass


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120))


def _spread(values: Sequence[float]) -> str:
    return f"p50 {quantile(values, 0.5):.1f}, p99 {quantile(values, 0.99):.1f}, max {max(values):.1f}"
