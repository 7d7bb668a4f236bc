"""The metrics of several workers: each process is played by this one, at the other end of a socket pair."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.protocol.errors import Refused
from gateway.server.workers.metrics_exchange import REPLY_SECONDS, MetricsExchange
from gateway.server.workers.metrics_link import ANSWER_SECONDS, MetricsLink
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.metrics import Metrics
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.served.viewers import until


@dataclass
class Worker:
    """A worker, and its end of the pair."""

    link: MetricsLink
    metrics: Metrics

    async def total(self, name: str = names.VIEWS.name) -> float:
        """Return the sum of all series of a metric, as this worker shows it."""
        async with asyncio.timeout(10):
            family = (await self.metrics.snapshot()).families.get(name)
        return sum(value for value in family.series.values() if isinstance(value, int | float)) if family else 0

    def end(self) -> None:
        """End as a process does: the event loop first."""
        self.link.close()
        self.link.send_last()

    def kill(self) -> None:
        self.link.close()
        self.link._last_socket.close()


@dataclass
class Workers:
    exchange: MetricsExchange
    clock: ManualClock
    started: list[Worker] = field(default_factory=list)

    async def start(self, views: int = 0) -> Worker:
        ours, theirs = socket.socketpair()
        metrics = Metrics()
        metrics.registry.add(names.VIEWS, views, "sse")
        metrics.registry.add(names.RUNNING, 1, "sse", "native", "m")
        worker = Worker(MetricsLink(theirs, metrics, self.clock), metrics)
        await self.exchange.add(ours)
        await worker.link.open()
        self.started.append(worker)
        return worker


@asynccontextmanager
async def workers() -> AsyncIterator[Workers]:
    clock = ManualClock()
    group = Workers(MetricsExchange(clock), clock)
    yield group
    for worker in group.started:
        worker.kill()
    await group.exchange.close()
    await settle()
    assert clock.pending == 0


async def test_each_worker_shows_the_sum_of_all() -> None:
    async with workers() as group:
        first, second, third = [await group.start(views) for views in (1, 10, 100)]
        assert [await worker.total() for worker in (first, second, third)] == [111, 111, 111]
        second.metrics.registry.add(names.VIEWS, 5, "websocket")
        assert [*await asyncio.gather(first.total(), third.total())] == [116, 116]
        assert await first.total(names.RUNNING.name) == 3


async def test_what_a_worker_had_counted_stays_when_it_has_ended() -> None:
    async with workers() as group:
        first, second = await group.start(1), await group.start(10)
        assert await first.total() == 11
        second.metrics.registry.add(names.VIEWS, 5, "sse")
        second.end()
        await until(lambda: len(group.exchange._peers) == 1)
        assert await first.total() == 16
        # What it had running runs no longer.
        assert await first.total(names.RUNNING.name) == 1
        third = await group.start(100)
        assert await third.total() == 116


async def test_counters_do_not_go_backwards_when_a_worker_is_killed() -> None:
    async with workers() as group:
        first, second = await group.start(1), await group.start(10)
        assert await second.total() == 11
        second.metrics.registry.add(names.VIEWS, 5, "sse")
        second.kill()
        await until(lambda: len(group.exchange._peers) == 1)
        assert await first.total() == 11


async def test_a_worker_that_does_not_reply_is_shown_as_it_was() -> None:
    async with workers() as group:
        first, second = await group.start(1), await group.start(10)
        assert await first.total() == 11
        # As if it were stopped.
        assert second.link._reading is not None
        second.link._reading.cancel()
        first.metrics.registry.add(names.VIEWS, 1, "sse")
        asked = asyncio.ensure_future(first.total())
        await until(group.exchange._gathering.locked)
        await settle()
        group.clock.advance(REPLY_SECONDS)
        assert await asked == 12


async def test_without_the_supervisor_nothing_is_shown() -> None:
    async with workers() as group:
        worker = await group.start(1)
        await group.exchange.close()
        asked = asyncio.ensure_future(worker.total())
        await settle()
        group.clock.advance(ANSWER_SECONDS)
        with pytest.raises(Refused, match="other workers"):
            await asked


async def test_what_is_no_snapshot_ends_the_exchange_with_that_worker_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with workers() as group:
        first, second = await group.start(1), await group.start(10)
        second.link._last_socket.setblocking(True)
        second.link._last_socket.sendall(b"x\0\0\0\1y")
        await until(lambda: len(group.exchange._peers) == 1)
        assert await first.total() == 1
        assert "metrics of a worker" in caplog.text
