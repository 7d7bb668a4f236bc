"""Measure interrupts, memory and slow viewers on this machine: `make measure`. It prints figures without checks."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from gateway.client import Answer, Client, TransportName
from gateway.protocol.events import Interrupted
from tests.integration.servers import running, simulator_process

LONG = "sim?speed=85&length=200000&ttft=0"
SHORT = "sim-instant?length=200"
MEASUREMENTS = ("interrupts", "memory", "stalled")
TRANSPORTS: Sequence[TransportName] = ("sse", "ws")


def main() -> int:
    """Run the selected measurements, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="run this measurement; may be repeated")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--generations", type=int, default=10_000)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, Python {sys.version.split()[0]}")
    for measurement in options.only or MEASUREMENTS:
        for transport in TRANSPORTS:
            asyncio.run(_measure(measurement, transport, options.streams, options.generations))
    return 0


async def _measure(measurement: str, transport: TransportName, streams: int, generations: int) -> None:
    environment = {"DUALSTREAM_MAX_CONCURRENT": "0", "DUALSTREAM_RETENTION": "5"}
    with (
        simulator_process() as upstream,
        running("serve", "--port", "0", "--upstream", upstream, environment=environment) as (process, address),
    ):
        if measurement == "interrupts":
            await interrupts(transport, address, upstream, streams)
        elif measurement == "memory":
            await memory(transport, address, process.pid, generations)
        else:
            await stalled(transport, address, process.pid, streams)


async def interrupts(transport: TransportName, address: str, upstream: str, streams: int) -> None:
    """Measure each interrupt from sending the command until the provider notices that its socket is closed."""
    async with Client(address, transport=transport) as client, aiohttp.ClientSession() as http:
        answers = [await client.start(f"Number {number}", model=LONG) for number in range(streams)]
        readers = [asyncio.create_task(_read(answer)) for answer in answers]
        while not all(answer.text for answer in answers):
            await asyncio.sleep(0.1)
        sent_at, past_fence = [], 0
        async with http.ws_connect(f"{address}/api/ws") as socket:
            for answer, reader in zip(answers, readers, strict=True):
                sent_at.append(time.monotonic_ns())
                if transport == "ws":
                    await socket.send_json({"type": "interrupt", "id": 1, "generation_id": answer.id})
                    fence = (await socket.receive_json())["seq"]
                else:
                    async with http.post(f"{address}/api/generations/{answer.id}/interrupt") as response:
                        fence = (await response.json())["seq"]
                await reader
                # The response has the last event before the fence: only the terminal event may follow it.
                past_fence += answer.seq - fence - 1
                await asyncio.sleep(0.02)
    closes = await _closes(upstream)
    assert len(closes) == streams, f"{len(closes)} of {streams} were closed"
    to_close = [(close["at"] - at) / 1e6 for at, close in zip(sent_at, closes, strict=True)]
    cancel_ms = [answer.terminal.cancel_ms for answer in answers if isinstance(answer.terminal, Interrupted)]
    print(
        f"interrupt at {streams} running streams, {transport}: "
        f"command sent → upstream closed {_percentiles(to_close)} ms; "
        f"cancel_ms of {len(cancel_ms)} interrupted: {_percentiles(cancel_ms)}; events past the fence: {past_fence}"
    )


async def memory(transport: TransportName, address: str, pid: int, generations: int) -> None:
    """Measure the memory of the process over many short generations, a hundred concurrently."""
    sizes = []
    async with Client(address, transport=transport) as client:

        async def run(number: int) -> None:
            await _read(await client.start(f"Short {number}", model=SHORT))

        for done in range(0, generations, 100):
            await asyncio.gather(*(run(done + number) for number in range(100)))
            if not (done + 100) % (generations // 5):
                sizes.append(f"{done + 100}: {_megabytes(pid):.1f}")
        await asyncio.sleep(6)
    print(
        f"memory over {generations} short generations, {transport} (retention 5 s), MB after {', '.join(sizes)}, "
        f"idle {_megabytes(pid):.1f}"
    )


async def stalled(transport: TransportName, address: str, pid: int, streams: int) -> None:
    """Measure the memory of the process with many viewers of a long answer: first all read, then one does not."""
    for not_reading in (0, 1):
        model = f"sim?speed=200000&length=2000000&ttft=500&chunk=40&seed={not_reading}"
        async with Client(address, transport=transport) as client, AsyncExitStack() as held:
            before = _megabytes(pid)
            answer = await client.start("A very long answer", model=model)
            for _ in range(not_reading):
                await _view_without_reading(held, transport, address, answer.id)
            viewers = [client.attach(answer.id) for _ in range(streams - not_reading)]
            readers = [asyncio.create_task(_read(viewer)) for viewer in viewers]
            peak = before
            while not all(reader.done() for reader in readers):
                peak = max(peak, _megabytes(pid))
                await asyncio.sleep(0.1)
            complete = sum(len(viewer.text) == 2_000_000 for viewer in viewers)
            await answer.aclose()
        print(
            f"{streams} viewers of 2,000,000 characters, {not_reading} of them not reading, {transport}: "
            f"{complete} complete; "
            f"memory before {before:.1f} MB, peak {peak:.1f} MB"
        )


async def _view_without_reading(
    held: AsyncExitStack, transport: TransportName, address: str, generation_id: str
) -> None:
    http = await held.enter_async_context(aiohttp.ClientSession(read_bufsize=1024))
    if transport == "sse":
        await held.enter_async_context(http.get(f"{address}/api/generations/{generation_id}/events"))
    else:
        socket = await held.enter_async_context(http.ws_connect(f"{address}/api/ws"))
        await socket.send_json({"type": "attach", "generation_id": generation_id})


async def _read(answer: Answer) -> None:
    async for _ in answer:
        pass


async def _closes(upstream: str) -> list[dict[str, int]]:
    async with aiohttp.ClientSession() as http, http.get(f"{upstream.removesuffix('/v1')}/closes") as response:
        closes: list[dict[str, int]] = await response.json()
        return closes


def _percentiles(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"p50 {ordered[len(ordered) // 2]:.2f}, p99 {ordered[int(len(ordered) * 0.99)]:.2f}, max {ordered[-1]:.2f}"


def _megabytes(pid: int) -> float:
    resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGESIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
