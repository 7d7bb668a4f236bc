"""Starts on several gateways of this process that share a real server or cluster."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.clock import SystemClock, time_limit
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import Refused
from gateway.replicas.generations import Generations
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.replica import Replica
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.security.principals import Principal
from gateway.store.redis.store import RedisStore
from tests.gateway.replicas.deployment import stop
from tests.integration.redis_cluster import RedisCluster
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import start_request

POLICY = ReplicaPolicy(owner_timeout=2)


@dataclass
class Gateway:
    """One of the gateways."""

    hub: Hub
    replica: Replica
    generations: Generations
    upstream: ScriptedUpstream

    async def start(self, key: str | None = None, principal: str = "p") -> Generation:
        """Start a generation here."""
        return await self.generations.start(
            start_request(), request_id="r", principal=Principal(principal, "key"), idempotency_key=key
        )


def build(url: str, prefix: str, max_concurrent: int, burst: int) -> Gateway:
    """Build a gateway with limits that hold for its deployment."""
    upstream, clock = ScriptedUpstream(), SystemClock()
    models = ModelRegistry([Model("m", [Target(upstream)], Policy())])
    hub = Hub(models, Slots(max_concurrent, 0), clock, rate_limits=RateLimits(1, burst))
    replica = Replica(RedisStore(url, prefix=prefix, timeout=5), hub, clock, POLICY)
    return Gateway(hub, replica, Generations(hub, replica), upstream)


@asynccontextmanager
async def deployment(url: str, max_concurrent: int = 0, burst: int = 1000) -> AsyncIterator[list[Gateway]]:
    """Yield three gateways."""
    prefix = f"t{secrets.token_hex(4)}"
    gateways = [build(url, prefix, max_concurrent, burst) for _ in range(3)]
    for gateway in gateways:
        await gateway.replica.start()
    try:
        yield gateways
    finally:
        for gateway in gateways:
            await gateway.hub.close()
            await gateway.replica.close()
        assert [gateway.hub.slots.running for gateway in gateways] == [0, 0, 0]


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something has happened."""
    async with time_limit(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def running(generations: list[Generation]) -> list[Generation]:
    """Return those that have a slot."""
    return [generation for generation in generations if generation.state is State.WAITING]


class StartsContract:
    """A subclass provides the fixture `url`."""

    async def test_simultaneous_starts_with_one_key_start_one_generation(self, url: str) -> None:
        async with deployment(url) as gateways:
            starts = [gateway.start(f"k{number}") for number in range(10) for gateway in gateways for _ in range(2)]
            generations = await asyncio.gather(*starts)
            assert len({generation.id for generation in generations}) == 10
            await until(lambda: sum(len(gateway.upstream.calls) for gateway in gateways) == 10)

    async def test_simultaneous_starts_do_not_exceed_the_rate(self, url: str) -> None:
        async with deployment(url, burst=7) as gateways:
            starts = [gateway.start() for _ in range(10) for gateway in gateways]
            results = await asyncio.gather(*starts, return_exceptions=True)
            assert sum(isinstance(result, Generation) for result in results) == 7
            assert sum(isinstance(result, Refused) for result in results) == 23

    async def test_slots_are_never_exceeded_nor_lost(self, url: str) -> None:
        async with deployment(url, max_concurrent=4) as gateways:
            starts = [gateway.start(principal=f"p{n % 5}") for n in range(10) for gateway in gateways]
            generations = await asyncio.gather(*starts)
            finished = dict.fromkeys(range(3), 0)

            def finish_and_check() -> bool:
                assert len(running(generations)) <= 4
                for number, gateway in enumerate(gateways):
                    if finished[number] < len(gateway.upstream.calls):
                        gateway.upstream.calls[finished[number]].finish()
                        finished[number] += 1
                return all(generation.log.ended for generation in generations)

            await until(finish_and_check)
            assert sum(finished.values()) == 30

    async def test_the_slots_of_a_dead_gateway_come_back(self, url: str) -> None:
        async with deployment(url, max_concurrent=2) as gateways:
            dead, second, third = gateways
            held = [await dead.start(), await dead.start()]
            waiting = [await second.start(principal="q"), await third.start(principal="r")]
            assert (len(running(held)), len(running(waiting))) == (2, 0)
            stop(dead.replica)
            await until(lambda: len(running(waiting)) == 2)


class TestOneServer(StartsContract):
    """Run it over one redis-server."""

    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url


class TestCluster(StartsContract):
    """Run it over a Redis Cluster of three nodes."""

    @pytest.fixture
    def url(self, cluster: RedisCluster) -> str:
        return cluster.url
