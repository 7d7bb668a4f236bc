"""Shared slots under random starts, ends, faults of the store and lost data: in the end none is lost."""

import asyncio
import random
from contextlib import suppress

import pytest

from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Refused
from gateway.replicas.policy import ReplicaPolicy
from gateway.security.principals import Principal
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Limits, deployment

MAX_CONCURRENT = 3
OPERATIONS = ("slots", "slots.claim", "slots.release", "slots.look", "slots.restore", "starts", "messages.send", "")


class RandomSteps:
    """Takes random steps in a deployment."""

    def __init__(self, shared: Deployment, seed: int) -> None:
        self.shared = shared
        self.random = random.Random(seed)
        self.finished = dict.fromkeys(range(len(shared.gateways)), 0)
        self.started: list[tuple[int, str, Principal]] = []

    async def step(self) -> None:
        """Take one step."""
        number = self.random.randrange(len(self.shared.gateways))
        steps = [self._start, self.finish] * 4 + [self._interrupt, self._cancel, self._fault, self._heal, self._lose]
        await self.random.choice([*steps, self._wait])(number)
        await settle()

    async def _start(self, number: int) -> None:
        principal = Principal(self.random.choice("abc"), "key")
        with suppress(Refused):
            generation = await self.shared.gateways[number].start(principal=principal)
            self.started.append((number, generation.id, principal))

    async def _cancel(self, number: int) -> None:
        starting = asyncio.create_task(self.shared.gateways[number].start(principal=Principal("a", "key")))
        for _ in range(self.random.randrange(6)):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

    async def _interrupt(self, _: int) -> None:
        for number, generation_id, principal in self.random.sample(self.started, min(1, len(self.started))):
            if self.shared.gateways[number].hub.is_running(generation_id):
                self.shared.gateways[number].hub.interrupt(generation_id, InterruptRequest(), 0.0, principal)

    async def _fault(self, number: int) -> None:
        operation, faults = self.random.choice(OPERATIONS), self.shared.gateways[number].faults
        if self.random.random() < 0.5:
            faults.fail_once(operation)
        else:
            faults.fail(operation)

    async def _heal(self, number: int) -> None:
        self.shared.gateways[number].faults.heal()

    async def _lose(self, _: int) -> None:
        if self.random.random() < 0.2:
            self.shared.empty_store()

    async def _wait(self, _: int) -> None:
        await self.shared.advance(self.random.choice([0.1, 0.5, 2.0]))

    async def finish(self, number: int) -> bool:
        """End the oldest answer of a gateway; return False without one."""
        calls = self.shared.gateways[number].upstream.calls
        if self.finished[number] >= len(calls):
            return False
        calls[self.finished[number]].finish()
        self.finished[number] += 1
        await settle()
        return True

    async def held(self) -> int:
        """Return the number of claims in the store."""
        return sum([len(await self.shared.store.slots.held(other.replica.name)) for other in self.shared.gateways])


@pytest.mark.parametrize("policy", [ReplicaPolicy(), ReplicaPolicy(store_down="local")])
@pytest.mark.parametrize("seed", range(8))
async def test_no_slot_is_lost_and_everything_that_waits_gets_one(seed: int, policy: ReplicaPolicy) -> None:
    async with deployment(3, policy=policy, limits=Limits(max_concurrent=MAX_CONCURRENT)) as shared:
        steps = RandomSteps(shared, seed)
        for _ in range(60):
            await steps.step()
        for gateway in shared.gateways:
            gateway.faults.heal()
        await shared.advance(8)
        assert await steps.held() == sum(gateway.hub.running for gateway in shared.gateways)
        for _ in range(200):
            if not any([await steps.finish(number) for number in range(3)]):
                break
            await shared.advance(0.2)
        await shared.advance(3)
        assert [gateway.hub.running for gateway in shared.gateways] == [0, 0, 0]
        assert await steps.held() == 0
        last = [await gateway.start(principal=Principal("z", "key")) for gateway in shared.gateways]
        assert {generation.state.value for generation in last} == {"waiting"}
