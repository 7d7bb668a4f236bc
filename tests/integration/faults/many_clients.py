"""Clients that are many, large, or in a hurry to leave."""

import asyncio
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.client import Client, TransportName
from gateway.protocol.events import Event
from tests.integration.faults.proxy import Pass, Proxy, Refuse
from tests.integration.faults.replay import expected_text
from tests.integration.faults.runner import TRANSPORTS
from tests.integration.faults.scenario import Scenario
from tests.integration.faults.servers import PROMPT, gateway, nonzero, stats, until_idle
from tests.integration.faults.timeline import differences
from tests.integration.servers import simulator_process

TIMEOUT = 90.0
ENDLESS = "sim?ttft=0&speed=85&length=100000"
HANDSHAKE = (
    b"GET /api/ws HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: dualstream.v1\r\n\r\n"
)
JSON = {"Content-Type": "application/json"}
PROMPT_BYTES = 4_000_000
MAX_GROWTH_MB = 400.0


def _start(model: str, content: str = PROMPT) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": content}]}


async def large_prompts() -> Scenario:
    """Queue prompts of 4 MB with one emoji each, which as text would take four times as much."""
    seen = Scenario(
        "prompts fill the memory", "100 starts of 4 MB each, of one client; two slots, limits at their defaults"
    )
    settings = {"DUALSTREAM_MAX_CONCURRENT": "2"}
    with simulator_process() as provider, gateway(provider, settings) as running:
        statuses, before = Counter[int](), running.megabytes()
        peak = before
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession(running.address) as http:
            started = []
            for _ in range(100):
                # As a file: aiohttp warns of a large body in one piece.
                body = io.BytesIO(orjson.dumps(_start("sim?ttft=600000", "a" * PROMPT_BYTES + "\U0001f600")))
                async with http.post("/api/generations", data=body, headers=JSON) as response:
                    statuses[response.status] += 1
                    if response.status == 201:
                        started.append((await response.json())["id"])
                    else:
                        refused = (await response.json())["error"]
                peak = max(peak, running.megabytes())
            for generation_id in started:
                async with http.post(f"/api/generations/{generation_id}/interrupt") as response:
                    await response.read()
            leftover = nonzero(await until_idle(http, running.address))
        seen.client = ", ".join(f"{count} x {status}" for status, count in statuses.items())
        seen.client += f", `{refused['code']}`" if statuses.keys() - {201} else ""
        seen.client += f"; memory {before:.0f} → {peak:.0f} MB"
        seen.upstream = "2 calls"
        seen.deviations = differences(
            refused_by_the_bound=(bool(statuses.keys() & {429, 503}), True),
            grew_by_less=(peak - before < MAX_GROWTH_MB, True),
            leftover=(leftover, {}),
        )
        seen.deviations += running.log_errors()
    return seen


async def leave_the_queue(count: int = 4000) -> Scenario:
    """Queue many viewers, then kill their process. How long the loop is held up is a figure, and no verdict."""
    seen = Scenario("queued clients leave at once", f"{count:,} SSE clients in the queue are killed (SIGKILL)")
    settings = {
        "DUALSTREAM_MAX_CONCURRENT": "1",
        "DUALSTREAM_MAX_QUEUE": str(count),
        "DUALSTREAM_ON_DISCONNECT": "cancel",
        "DUALSTREAM_MAX_CONNECTIONS": "0",
        "DUALSTREAM_MAX_CONNECTIONS_PER_ADDRESS": "0",
        "DUALSTREAM_MAX_STREAMS_PER_CLIENT": "0",
        "DUALSTREAM_MAX_STREAMS_PER_ADDRESS": "0",
    }
    with simulator_process() as provider, gateway(provider, settings) as running:
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
            queueing = await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "tests.integration.faults.queued_process", running.address, str(count)],
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                assert queueing.stdout is not None
                assert await queueing.stdout.readline()
                queued = (await stats(http, running.address))["queued"]
                delays: list[float] = []
                watching = asyncio.create_task(_watch(http, running.address, delays))
                await asyncio.sleep(0.2)
            finally:
                queueing.kill()
                await queueing.wait()
            figures = await until_idle(http, running.address)
            watching.cancel()
        seen.client = f"`/health` answers meanwhile, after at most {1000 * max(delays):.0f} ms"
        seen.upstream = "1 call, closed by the gateway"
        seen.deviations = differences(
            queued=(queued, count - 1), leftover=(nonzero(figures), {}), interrupted=(figures["interrupted"], count)
        )
        seen.deviations += running.log_errors()
    return seen


async def _watch(http: aiohttp.ClientSession, address: str, delays: list[float]) -> None:
    """Measure how long a request without work takes, again and again."""
    while True:
        started_at = time.monotonic()
        async with http.get(f"{address}/health") as response:
            await response.read()
        delays.append(time.monotonic() - started_at)
        await asyncio.sleep(0.005)


async def commands_before_a_close() -> Scenario:
    """Send three interrupts with ids and close the socket in the same write, five times."""
    seen = Scenario("commands right before a close", "three interrupts and a close frame in one write, five times")
    settings = {"DUALSTREAM_MAX_CONCURRENT": "0", "DUALSTREAM_ON_DISCONNECT": "continue"}
    with simulator_process() as provider, gateway(provider, settings) as running:
        states = Counter[str]()
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession(running.address) as http:
            for _ in range(5):
                ids = []
                for _ in range(3):
                    async with http.post("/api/generations", json=_start(ENDLESS)) as response:
                        ids.append((await response.json())["id"])
                await _interrupt_and_close(running.address, ids)
                for generation_id in ids:
                    states[await _final_state(http, generation_id)] += 1
            leftover = nonzero(await until_idle(http, running.address, 5))
        seen.client = f"{states['interrupted']} of {states.total()} `interrupted`"
        seen.upstream = "each call closed by the gateway"
        seen.deviations = differences(states=(dict(states), {"interrupted": 15}), leftover=(leftover, {}))
        seen.deviations += running.log_errors()
    return seen


async def _interrupt_and_close(address: str, ids: Sequence[str]) -> None:
    """Send commands and a close frame in one write, which no library does."""
    url = urlsplit(address)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(HANDSHAKE % url.netloc.encode())
    await reader.readuntil(b"\r\n\r\n")
    commands = [
        {"type": "interrupt", "id": number, "generation_id": generation_id} for number, generation_id in enumerate(ids)
    ]
    writer.write(b"".join(_frame(1, json.dumps(command).encode()) for command in commands) + _frame(8, b"\x03\xe8"))
    await reader.read()
    writer.close()


def _frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame of less than 126 bytes as a client sends it, masked with zeros (RFC 6455, 5.2)."""
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


async def _final_state(http: aiohttp.ClientSession, generation_id: str) -> str:
    """Return the state of a generation once it has ended, or after two seconds."""
    state = ""
    for _ in range(100):
        async with http.get(f"/api/generations/{generation_id}") as response:
            state = str((await response.json())["state"])
        if state in {"interrupted", "complete", "error"}:
            break
        await asyncio.sleep(0.02)
    return state


async def breaks_and_heals() -> Scenario:
    """Close the port of a proxy between clients and gateway for 1.5 s while answers stream."""
    seen = Scenario("the proxy breaks and heals", "all connections reset, and the port closed for 1.5 s")
    model = "sim?ttft=0&speed=150&length=600&seed=7"
    settings: Mapping[str, str] = {}
    with simulator_process() as provider, gateway(provider, settings) as running:
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http, Proxy(running.address) as proxy:
            whole = await expected_text(http, provider, model, PROMPT)
            reads = [asyncio.create_task(_read(proxy.address, transport, model)) for transport in TRANSPORTS]
            while (await stats(http, running.address))["viewers"] < len(reads):
                await asyncio.sleep(0.02)
            await asyncio.sleep(1)
            await proxy.set_modes(Refuse())
            await asyncio.sleep(1.5)
            await proxy.set_modes(Pass())
            texts = [await read for read in reads]
            leftover = nonzero(await until_idle(http, running.address))
    seen.client = "`complete`, text whole; reconnected by itself"
    seen.upstream = "1 call each, kept"
    seen.deviations = differences(
        texts=([text == whole for text, _, _ in texts], [True] * 2),
        ends=([end.type if end else None for _, end, _ in texts], ["complete"] * 2),
        reconnected=([attachments > 0 for _, _, attachments in texts], [True] * 2),
        leftover=(leftover, {}),
    )
    return seen


async def _read(address: str, transport: TransportName, model: str) -> tuple[str, Event | None, int]:
    async with Client(address, transport=transport) as client:
        answer = await client.start(PROMPT, model=model)
        async for _ in answer:
            pass
        return answer.text, answer.terminal, answer.attachments
