"""Two gateways that share a store in memory: what starts on one of them is read from the other."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

import pytest

from gateway.config import Settings
from gateway.store.base import Store
from gateway.store.memory import MemoryStore
from tests.event_loop import settle
from tests.gateway.replicas.deployment import stop
from tests.manual_clock import ManualClock, ManualTimer
from tests.served.gateway import Configure, Served, serving
from tests.served.viewers import VIEWERS, ViewingClient

BATCH_SECONDS = 0.2
"""Delay of a batch while no other gateway reads, the longest there is (`store_delay`)."""


class PromptClock(ManualClock):
    """A clock on which batches for the store are not delayed: they come as soon as their gateway has nothing to do."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> ManualTimer:
        timer = super().call_later(delay, callback)
        if delay <= BATCH_SECONDS:
            # Called by the loop, at the present time of the clock.
            self.after_reading(lambda: self._call(timer))
        return timer

    def _call(self, timer: ManualTimer) -> None:
        if not timer.cancelled:
            callback = timer.callback
            timer.cancel()
            callback()


@dataclass
class Pair:
    """The gateways of one deployment. `elsewhere` is the second one as a client sees it that starts on the first."""

    first: Served
    second: Served

    @property
    def elsewhere(self) -> "ServedElsewhere":
        """Return the first gateway with clients that start there, and read and command on the second."""
        return ServedElsewhere(
            **{field.name: getattr(self.first, field.name) for field in fields(Served)}, reading=self.second
        )


@dataclass
class ServedElsewhere(Served):
    """A gateway whose clients start on it, and do everything else on another one of its deployment."""

    reading: Served

    def __post_init__(self) -> None:
        self.starting, self.http = self.http, self.reading.http

    def viewer(self, kind: str) -> ViewingClient:
        viewer = VIEWERS[kind](self.http)
        viewer.starts_at = self.starting
        return viewer


@asynccontextmanager
async def paired(
    settings: Settings, configure: Configure, clock: ManualClock | None = None, stores: Sequence[Store] = ()
) -> AsyncIterator[Pair]:
    """Yield two gateways; then end them, and assert that nothing of them is left. `stores`: one for each."""
    clock = clock or PromptClock()
    first_store, second_store = stores or [MemoryStore(clock)] * 2
    async with serving(settings, clock, configure, first_store) as first:
        async with serving(settings, clock, configure, second_store) as second:
            # Each has renewed its lease, and knows the other one.
            await first.advance(1.2)
            yield Pair(first, second)
        # After some time, the first one knows that the viewers of the second one are gone.
        await first.advance(10)
    await settle()
    assert clock.pending == 0


@pytest.fixture
async def pair(settings: Settings, configure: Configure) -> AsyncIterator[Pair]:
    async with paired(settings, configure) as gateways:
        yield gateways


async def kill(gateway: Served) -> None:
    """Stop all by which the other gateways notice that one is alive: what it appends from now on is not stored."""
    assert gateway.replica is not None
    stop(gateway.replica)
    await settle()
