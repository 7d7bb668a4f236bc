"""The process of all clients: it reads orders on standard input, and replies on standard output.

Ten thousand clients share its core with nothing else, so it does little for each event: it finds the provider's stamps,
and counts. What it does not check here (each frame, each field) `make bench-quick` checks with fewer clients.
"""

import asyncio
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Final

import uvloop

from tests.bench.figures import Figures, spread
from tests.bench.load.http import parse_response_head, request
from tests.bench.open_files import raise_open_files
from tests.bench.viewers.connect import connect
from tests.bench.viewers.orders import (
    MILLISECOND,
    Begin,
    Finish,
    Finished,
    Interrupt,
    Interrupted,
    Look,
    Open,
    Opened,
    Order,
    Reply,
    Window,
    decode_order,
    encode_reply,
)
from tests.bench.viewers.viewer import VIEWERS, Viewer

CHECK_SECONDS: Final = 0.02


class Clients:
    """All viewers, and what they have counted together."""

    def __init__(self) -> None:
        self.viewers: list[Viewer] = []
        self.events = 0
        self.delays: defaultdict[bytes, list[int]] = defaultdict(list)
        """Delays of tokens in ns, by their number in the stream."""
        self.ends: Counter[str] = Counter()
        self.accepted: list[int] = []
        self.faults: Counter[str] = Counter()

    def on_tokens(self, viewer: Viewer, stamps: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Record tokens that a viewer has received."""
        now = time.monotonic_ns()
        for stamp in stamps:
            viewer.tracker.record((stamp,), now, self.delays[stamp[1]])

    def on_accepted(self, started: int) -> None:
        """Record that a viewer gets its first event."""
        self.accepted.append(time.monotonic_ns() - started)

    def on_end(self, end: str) -> None:
        """Record how a stream has ended."""
        self.ends[end] += 1

    async def obey(self, order: Order) -> Reply | None:
        """Do what an order says."""
        match order:
            case Open():
                return await self._open(order)
            case Begin():
                self.events = 0
                self.delays.clear()
                return None
            case Look():
                return self._window()
            case Interrupt():
                return await self._interrupt(order)
            case Finish():
                return await self._finish(order)

    async def _open(self, order: Open) -> Opened:
        self._port = order.port
        self.viewers = [VIEWERS[order.request.framing](self, order.request, order.port) for _ in range(order.viewers)]
        numbers, started = iter(range(order.viewers)), time.monotonic()

        async def open_some() -> None:
            for number in numbers:
                viewer = self.viewers[number]
                viewer.started = time.monotonic_ns()
                await connect(viewer, number, order.port)
                await viewer.is_answered

        tasks = [asyncio.create_task(open_some()) for _ in range(order.in_flight)]
        _, unfinished = await asyncio.wait(tasks, timeout=order.timeout)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        seconds = time.monotonic() - started
        failures = Counter(dict(self.ends))
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                failures[str(error)] += 1
        if missing := order.viewers - len(self.accepted) - failures.total():
            failures["not accepted in time"] = missing
        return Opened(seconds, _milliseconds(self.accepted), dict(failures))

    def _window(self) -> Window:
        delays = self.delays.values()
        return Window(
            self.events,
            _milliseconds(list(chain.from_iterable(delays))),
            _milliseconds([min(each) for each in delays]),
            _milliseconds([max(each) for each in delays]),
        )

    async def _interrupt(self, order: Interrupt) -> Interrupted:
        step = max(1, len(self.viewers) // order.count)
        chosen = [viewer for viewer in self.viewers[::step] if not viewer.end][: order.count]
        # Over SSE commands are requests, here on one connection that is kept.
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        sent = []
        for viewer in chosen:
            sent.append((viewer.tracker.stream or 0, time.monotonic_ns()))
            if not viewer.interrupt():
                path = f"/api/generations/{viewer.generation_id}/interrupt"
                writer.write(request("POST", path, self._port))
                head = parse_response_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
                await reader.readexactly(int(head.headers["content-length"]))
                if head.status != 202:
                    self.faults[f"interrupts refused with {head.status}"] += 1
            await asyncio.sleep(order.pause)
        writer.close()
        return Interrupted(sent)

    async def _finish(self, order: Finish) -> Finished:
        started = time.monotonic()
        while self.ends.total() < len(self.viewers) and time.monotonic() - started < order.timeout:
            await asyncio.sleep(CHECK_SECONDS)
        faults = Counter(self.faults)
        for viewer in self.viewers:
            found = viewer.tracker.finish(order.tokens if viewer.end == "complete" else None)
            faults.update({f"tokens {fault}": count for fault, count in asdict(found).items()})
        running = len(self.viewers) - self.ends.total()
        ends = self.ends | Counter({"not ended": running}) if running else self.ends
        tokens = sum(viewer.tracker.received for viewer in self.viewers)
        return Finished(time.monotonic() - started, dict(ends), tokens, dict(+faults))


def _milliseconds(times: Sequence[int]) -> Figures:
    return {name: value / MILLISECOND for name, value in spread(times).items()}


async def _run() -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    clients = Clients()
    while line := await orders.readline():
        print(encode_reply(await clients.obey(decode_order(line))), flush=True)


if __name__ == "__main__":
    raise_open_files()
    uvloop.run(_run())
