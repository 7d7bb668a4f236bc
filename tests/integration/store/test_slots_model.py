"""Slots in Redis against those in memory: the same random steps have the same results."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.admission.slots import SlotState
from gateway.store.memory.slots import MemorySlots
from gateway.store.slots import SlotClaim, SlotLimits, SlotStore
from tests.integration.store.sharing import share
from tests.manual_clock import ManualClock

TTL = 60.0
REPLICAS = ("r1", "r2", "r3")
PRINCIPALS = {"a": 0, "b": 1, "c": 2, "d": 0}
"""Principals with their limits."""


@dataclass
class Model:
    """Both stores, which get the same steps."""

    stores: tuple[SlotStore, SlotStore]
    limits: SlotLimits
    random: random.Random
    claims: list[tuple[str, SlotClaim]] = field(default_factory=list)
    number: int = 0

    async def step(self) -> list[object]:
        """Take one step in both stores; return their results."""
        match self.random.choice(["claim", "claim", "claim", "try", "release", "release", "look", "drop", "restore"]):
            case "claim" | "try" as kind:
                replica, claim = self.random.choice(REPLICAS), self._claim()
                self.claims.append((replica, claim))
                results = [
                    await store.claim(replica, claim, self.limits, TTL, may_wait=kind == "claim")
                    for store in self.stores
                ]
                # Redis tells a new claim that it is at most there; those who look get exact positions.
                assert results[1].position >= results[0].position
                return [(result.state, result.queued, result.wakes) for result in results]
            case "release" if self.claims:
                replica, claim = self.claims.pop(self.random.randrange(len(self.claims)))
                return [await store.release(replica, [claim.generation_id], self.limits) for store in self.stores]
            case "drop":
                replica = self.random.choice(REPLICAS)
                return [await store.drop(replica, self.limits) for store in self.stores]
            case "restore":
                replica, running, waiting = self.random.choice(REPLICAS), [self._claim()], [self._claim()]
                self.claims += [(replica, claim) for claim in (*running, *waiting)]
                return [await store.restore(replica, running, waiting, self.limits, TTL) for store in self.stores]
            case _:
                return [None, None]

    async def views(self) -> list[object]:
        """Return all that can be seen of both stores."""
        seen = list[object]()
        for store in self.stores:
            views = {replica: await store.look(replica, self.limits, TTL, ()) for replica in REPLICAS}
            held = {replica: dict(await store.held(replica)) for replica in REPLICAS}
            figures = {
                replica: (dict(view.changed), dict(view.positions), view.count, view.queued)
                for replica, view in views.items()
            }
            running = sum(state is SlotState.RUNNING for states in held.values() for state in states.values())
            seen.append((figures, held, running))
        return seen

    def _claim(self) -> SlotClaim:
        self.number += 1
        principal = self.random.choice([*PRINCIPALS])
        return SlotClaim(f"g{self.number}", principal, PRINCIPALS[principal])


@pytest.fixture
async def redis_slots(redis_url: str) -> AsyncIterator[SlotStore]:
    async with share(redis_url) as store:
        yield store.first.slots


@pytest.mark.parametrize("seed", range(6))
async def test_the_same_steps_have_the_same_results(redis_slots: SlotStore, seed: int) -> None:
    model = Model((MemorySlots(ManualClock()), redis_slots), SlotLimits(seed % 4), random.Random(seed))
    for _ in range(150):
        in_memory, in_redis = await model.step()
        assert in_redis == in_memory
        in_memory, in_redis = await model.views()
        assert in_redis == in_memory
