"""Slots that several gateways share: the queue across them, and what is left by those that die."""

import pytest

from gateway.admission.limits import PrincipalLimits
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Complete, Error, Queued
from gateway.replicas.policy import ReplicaPolicy
from gateway.routing.model import Policy
from gateway.routing.watchdog import Limits as ModelLimits
from gateway.security.principals import Principal
from gateway.store.slots import SlotLimits
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Gateway, Limits, deployment, events

BUSY, QUIET = Principal("busy"), Principal("quiet")
LOCAL = ReplicaPolicy(store_down="local")


def state(generation: Generation) -> State:
    """Return the state of a generation, which mypy would narrow."""
    return generation.state


def position(generation: Generation) -> int:
    """Return the position that was reported last."""
    queued = events(generation)[-1]
    assert isinstance(queued, Queued)
    return queued.position


async def finish(gateway: Gateway, call: int = -1) -> None:
    """End an answer."""
    gateway.upstream.calls[call].finish()
    await settle()


async def held(shared: Deployment) -> int:
    """Return the number of claims in the store."""
    return sum([len(await shared.store.slots.held(gateway.replica.name)) for gateway in shared.gateways])


async def test_the_slots_of_all_gateways_are_one_number() -> None:
    async with deployment(limits=Limits(max_concurrent=2)) as shared:
        first, second = shared.gateways
        running = [await first.start(), await second.start()]
        waiting = [await first.start(), await second.start()]
        assert [state(generation) for generation in running] == [State.WAITING] * 2
        assert [position(generation) for generation in waiting] == [1, 2]
        await finish(second)
        assert (state(waiting[0]), state(waiting[1])) == (State.WAITING, State.QUEUED)
        await finish(first, 0)
        assert state(waiting[1]) is State.WAITING
        await finish(first)
        await finish(second)
        assert await held(shared) == 0
        assert all(isinstance(generation.end, Complete) for generation in (*running, *waiting))


async def test_principals_take_turns_across_gateways() -> None:
    async with deployment(limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        await first.start(principal=BUSY)
        busy = [await first.start(principal=BUSY) for _ in range(3)]
        quiet = await second.start(principal=QUIET)
        assert position(quiet) == 2
        await finish(first)
        assert [state(generation) for generation in busy] == [State.WAITING, State.QUEUED, State.QUEUED]
        await finish(first)
        assert (state(quiet), state(busy[1])) == (State.WAITING, State.QUEUED)
        await finish(second)
        assert state(busy[1]) is State.WAITING


async def test_a_principals_own_limit_counts_on_all_gateways() -> None:
    few = Principal("few", limits=PrincipalLimits(max_concurrent=1))
    async with deployment() as shared:
        first, second = shared.gateways
        running, waiting = await first.start(principal=few), await second.start(principal=few)
        others = [await second.start() for _ in range(3)]
        assert state(waiting) is State.QUEUED
        assert [state(generation) for generation in others] == [State.WAITING] * 3
        assert await held(shared) == 2
        await finish(first)
        assert isinstance(running.end, Complete)
        assert state(waiting) is State.WAITING


async def test_positions_follow_what_happens_on_other_gateways() -> None:
    async with deployment(limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        await first.start()
        leaves, stays = await first.start(principal=BUSY), await second.start(principal=QUIET)
        assert position(stays) == 2
        await first.generations.interrupt(leaves.id, InterruptRequest(), 0.0, BUSY)
        await shared.advance(0.5)
        assert position(stays) == 1


async def test_the_greediest_of_all_gateways_makes_room_in_a_full_queue() -> None:
    async with deployment(limits=Limits(max_concurrent=1, max_queue=2)) as shared:
        first, second = shared.gateways
        await first.start(principal=BUSY)
        busy = [await first.start(principal=BUSY) for _ in range(2)]
        quiet = await second.start(principal=QUIET)
        assert state(quiet) is State.QUEUED
        end = busy[1].end
        assert isinstance(end, Error)
        assert end.code == "queue_full"
        with pytest.raises(Refused) as refused:
            await second.start(principal=BUSY)
        assert refused.value.code is Code.QUEUE_FULL
        assert await held(shared) == 3


async def test_a_queue_timeout_leaves_the_shared_queue() -> None:
    limits = Limits(max_concurrent=1, policy=Policy(ModelLimits(queue_timeout=1.0)))
    async with deployment(limits=limits) as shared:
        first, second = shared.gateways
        await first.start()
        waiting = await second.start()
        await shared.advance(1.2)
        end = waiting.end
        assert isinstance(end, Error)
        assert end.code == "queue_timeout"
        assert await held(shared) == 1


@pytest.mark.parametrize("dies", ["running", "waiting", "granted and not woken"])
async def test_the_slots_of_a_dead_gateway_come_back(dies: str) -> None:
    async with deployment(3, limits=Limits(max_concurrent=1)) as shared:
        dead, second, third = shared.gateways
        if dies == "running":
            await dead.start()
            waiting = [await second.start()]
        else:
            await second.start()
            await dead.start(principal=BUSY)
            waiting = [await third.start(principal=QUIET)]
        dead.kill()
        if dies == "granted and not woken":
            await finish(second)
            assert state(waiting[0]) is State.QUEUED
        await shared.advance(6)
        if dies == "waiting":
            assert position(waiting[0]) == 1
            await finish(second)
        assert state(waiting[0]) is State.WAITING
        assert await held(shared) == 1


async def test_a_grant_whose_message_is_lost_is_found() -> None:
    async with deployment(limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        running = await first.start()
        waiting = await second.start()
        await first.store.slots.release(first.replica.name, [running.id], SlotLimits(1))
        assert state(waiting) is State.QUEUED
        await shared.advance(1.2)
        assert state(waiting) is State.WAITING


@pytest.mark.parametrize("policy", [ReplicaPolicy(), LOCAL])
async def test_a_store_that_is_restarted_empty_learns_the_claims_again(policy: ReplicaPolicy) -> None:
    async with deployment(policy=policy, limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        await first.start()
        waiting = await second.start()
        shared.empty_store()
        await shared.advance(4)
        assert await held(shared) == 2
        assert state(waiting) is State.QUEUED
        await finish(first)
        assert state(waiting) is State.WAITING
        await finish(second)
        assert await held(shared) == 0


async def test_starts_that_are_decided_locally_are_told_to_the_store() -> None:
    async with deployment(policy=LOCAL, limits=Limits(max_concurrent=2)) as shared:
        first, second = shared.gateways
        before = await second.start()
        first.faults.fail()
        local = [await first.start() for _ in range(3)]
        assert [state(generation) for generation in local] == [State.WAITING, State.WAITING, State.QUEUED]
        first.faults.heal()
        await shared.advance(2)
        assert await held(shared) == 4
        assert state(local[2]) is State.QUEUED
        await finish(second)
        await finish(first, 0)
        assert isinstance(before.end, Complete)
        assert state(local[2]) is State.WAITING
        assert await held(shared) == 2


async def test_what_waits_when_the_store_fails_waits_for_a_local_slot() -> None:
    async with deployment(policy=LOCAL, limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        await first.start()
        waiting = await second.start()
        second.faults.fail()
        await shared.advance(2)
        assert state(waiting) is State.WAITING
        second.faults.heal()
        await shared.advance(2)
        assert await held(shared) == 2


async def test_a_claim_whose_reply_is_lost_is_given_back() -> None:
    async with deployment(limits=Limits(max_concurrent=1)) as shared:
        first, _ = shared.gateways
        first.faults.fail_once("slots.claim")
        with pytest.raises(Refused) as refused:
            await first.start()
        assert (refused.value.status, refused.value.retry_after_ms) == (503, 1000)
        await shared.advance(2)
        assert await held(shared) == 0
        assert state(await first.start()) is State.WAITING


async def test_releases_that_fail_are_repeated() -> None:
    async with deployment(limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        await first.start()
        waiting = await second.start()
        first.faults.fail("slots.release")
        await finish(first)
        first.faults.heal()
        await shared.advance(2)
        assert state(waiting) is State.WAITING
