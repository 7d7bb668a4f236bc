"""Rates and idempotency keys that several gateways share."""

import asyncio

import pytest

from gateway.generation.generation import Generation
from gateway.protocol.commands import StartRequest
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Error
from gateway.replicas.policy import ReplicaPolicy
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Gateway, Limits, deployment
from tests.start_requests import ANONYMOUS, start_request

RATE = Limits(rates=(60, 2, 0))
LOCAL = ReplicaPolicy(store_down="local")


async def refused(gateway: Gateway, key: str | None = None, request: StartRequest | None = None) -> Refused:
    """Start a generation that is refused."""
    with pytest.raises(Refused) as raised:
        await gateway.start(request, key=key)
    return raised.value


def remaining(gateway: Gateway) -> int:
    """Return what a gateway shows as left of the rate limit."""
    allowance = gateway.hub.allowance(ANONYMOUS)
    assert allowance is not None
    return allowance.remaining


async def test_starts_on_all_gateways_count_against_one_rate() -> None:
    async with deployment(limits=RATE) as shared:
        first, second = shared.gateways
        await first.start()
        assert remaining(first) == 1
        await second.start()
        assert remaining(second) == 0
        for gateway in shared.gateways:
            error = await refused(gateway)
            assert (error.code, error.retry_after_ms) == (Code.RATE_LIMIT, 1000)
        await shared.advance(1)
        await first.start()
        assert (await refused(second)).code is Code.RATE_LIMIT


async def test_output_tokens_on_all_gateways_count_against_one_rate() -> None:
    async with deployment(limits=Limits(rates=(0, 1, 60))) as shared:
        first, second = shared.gateways
        await first.streaming("x" * 4000)
        first.upstream.last.finish()
        await settle()
        assert "output tokens" in (await refused(second)).message


async def test_calls_that_are_no_generations_count_as_starts() -> None:
    async with deployment(limits=RATE) as shared:
        first, second = shared.gateways
        for gateway in shared.gateways:
            await gateway.generations.admit_call(ANONYMOUS)
        for gateway in (first, second):
            with pytest.raises(Refused):
                await gateway.generations.admit_call(ANONYMOUS)


async def test_a_call_that_is_refused_for_another_reason_is_refunded_to_all() -> None:
    async with deployment(limits=RATE) as shared:
        first, second = shared.gateways
        first.hub.draining = True
        with pytest.raises(Refused):
            await first.generations.admit_call(ANONYMOUS)
        await settle()
        for _ in range(2):
            await second.start()


async def test_a_start_that_is_refused_for_another_reason_is_refunded_to_all() -> None:
    async with deployment(limits=Limits(1, 1, rates=(60, 3, 0))) as shared:
        first, second = shared.gateways
        await first.start()
        await first.start()
        assert (await refused(second, key="k")).code is Code.QUEUE_FULL
        assert remaining(second) == 1
        await settle()
        first.upstream.last.finish()
        await settle()
        await second.start(key="k")
        assert remaining(second) == 0


async def test_a_refund_whose_reply_is_lost_counts_once() -> None:
    async with deployment(limits=Limits(rates=(6, 3, 0))) as shared:
        first, second = shared.gateways
        await second.start()
        await second.start()
        first.hub.draining = True
        first.faults.fail_once("starts.settle")
        with pytest.raises(Refused):
            await first.generations.admit_call(ANONYMOUS)
        await shared.advance(1.2)
        assert first.faults.calls.count("starts.settle") == 2
        await second.start()
        assert (await refused(second)).code is Code.RATE_LIMIT


async def test_a_key_attaches_on_every_gateway() -> None:
    async with deployment(3, limits=RATE) as shared:
        first, second, third = shared.gateways
        generation = await first.start(key="k")
        for gateway in (first, second, third):
            assert (await gateway.start(key="k")).id == generation.id
            error = await refused(gateway, "k", start_request("another"))
            assert (error.code, error.status) == (Code.INVALID_REQUEST, 409)
        assert remaining(first) == 1
        first.upstream.last.finish()
        await settle()
        assert (await second.start(key="k")).end == generation.end
        assert sum(len(gateway.upstream.calls) for gateway in shared.gateways) == 1


async def test_simultaneous_starts_with_one_key_start_one_generation() -> None:
    async with deployment(3, limits=Limits(2, 0, (60, 10, 0))) as shared:
        starts = [gateway.start(key="k") for gateway in shared.gateways for _ in range(2)]
        starting = [asyncio.create_task(start) for start in starts]
        await settle()
        await shared.advance(0.2, 0.05)
        generations = await asyncio.gather(*starting)
        assert len({generation.id for generation in generations}) == 1
        assert sum(len(gateway.upstream.calls) for gateway in shared.gateways) == 1
        await settle()
        assert remaining(shared.gateways[0]) == 9
        held = [len(await shared.store.slots.held(gateway.replica.name)) for gateway in shared.gateways]
        assert sum(held) == 1


async def test_a_key_is_new_after_a_retryable_error_for_one_of_those_who_retry() -> None:
    async with deployment(limits=RATE) as shared:
        first, _ = shared.gateways
        failed = await first.start(key="k")
        draining = asyncio.create_task(first.hub.drain(0))
        await settle()
        await shared.advance(0.2)
        await draining
        assert isinstance(failed.end, Error)
        first.hub.draining = False
        retries = [asyncio.create_task(gateway.start(key="k")) for gateway in shared.gateways for _ in range(2)]
        await settle()
        await shared.advance(0.2, 0.05)
        ids = {generation.id for generation in await asyncio.gather(*retries)}
        assert len(ids) == 1
        assert ids != {failed.id}


async def test_a_key_whose_gateway_died_before_it_stored_the_generation_is_new() -> None:
    async with deployment(limits=RATE) as shared:
        first, second = shared.gateways
        first.faults.hold("logs.create")
        lost = asyncio.create_task(first.start(key="k"))
        await settle()
        retry = asyncio.create_task(second.start(key="k"))
        await settle()
        first.kill()
        await shared.advance(3)
        assert not retry.done()
        await shared.advance(3)
        assert retry.done()
        assert isinstance(retry.result(), Generation)
        lost.cancel()
        first.faults.release()


async def test_a_key_is_new_once_its_generation_is_no_longer_retained() -> None:
    async with deployment(limits=RATE) as shared:
        first, second = shared.gateways
        generation = await first.start(key="k")
        first.upstream.last.finish()
        await settle()
        await shared.advance(301, 10)
        assert (await second.start(start_request("another"), key="k")).id != generation.id


async def test_a_store_that_is_restarted_empty_learns_keys_and_levels_again() -> None:
    async with deployment(limits=Limits(rates=(1, 2, 0))) as shared:
        first, second = shared.gateways
        generation = await first.start(key="k")
        await first.start(key="other")
        shared.empty_store()
        await shared.advance(3)
        assert (await second.start(key="k")).id == generation.id
        assert (await refused(second)).code is Code.RATE_LIMIT


async def test_starts_are_refused_while_the_store_fails() -> None:
    async with deployment(limits=RATE) as shared:
        first, _ = shared.gateways
        first.faults.fail()
        error = await refused(first, "k")
        assert (error.status, error.retry_after_ms) == (503, 1000)
        first.faults.heal()
        await shared.advance(1)
        await first.start(key="k")
        assert remaining(first) == 1
        assert first.hub.statistics.refused == {"server_error": 1}


async def test_local_decisions_are_told_to_the_store_when_it_is_back() -> None:
    async with deployment(limits=Limits(rates=(1, 2, 0)), policy=LOCAL) as shared:
        first, second = shared.gateways
        first.faults.fail()
        generation = await first.start(key="k")
        assert (await first.start(key="k")).id == generation.id
        await first.start()
        assert (await refused(first)).code is Code.RATE_LIMIT
        assert remaining(first) == 0
        await second.start()
        first.faults.heal()
        await shared.advance(2)
        assert (await second.start(key="k")).id == generation.id
        assert (await refused(second)).code is Code.RATE_LIMIT


@pytest.mark.parametrize("policy", [ReplicaPolicy(), LOCAL])
async def test_output_during_an_outage_is_counted_once(policy: ReplicaPolicy) -> None:
    async with deployment(limits=Limits(rates=(0, 1, 600)), policy=policy) as shared:
        first, second = shared.gateways
        await first.streaming("x" * 1200)
        first.faults.fail()
        first.upstream.last.finish()
        await settle()
        await shared.advance(1)
        first.faults.heal()
        await shared.advance(2)
        await second.start()
        levels = second.hub.rate_limits.levels(ANONYMOUS.id, shared.clock.now(), ANONYMOUS.limits)
        assert levels.tokens is not None
        # 300 tokens of output, and 10 tokens a second come back.
        assert 300 <= levels.tokens <= 345


async def test_a_start_that_is_cancelled_gives_back_its_slot_and_its_key() -> None:
    async with deployment(limits=Limits(1, 0, (60, 2, 0))) as shared:
        first, second = shared.gateways
        first.faults.hold("starts.begin")
        cancelled = asyncio.create_task(first.start(key="k"))
        await settle()
        cancelled.cancel()
        await settle()
        first.faults.release()
        await shared.advance(1)
        assert (await second.start(key="k")).state.value == "waiting"


async def test_simultaneous_starts_with_one_key_on_one_gateway_wait_for_no_clock() -> None:
    async with deployment(limits=RATE) as shared:
        first, _ = shared.gateways
        first.faults.hold("logs.create")
        starts = [asyncio.create_task(first.start(key="k")) for _ in range(5)]
        await settle()
        first.faults.release()
        generations = await asyncio.gather(*starts)
        assert len({generation.id for generation in generations}) == 1
        assert first.faults.calls.count("starts.begin") == 1


async def test_the_allowance_is_that_of_all_gateways_after_a_start_that_is_refused() -> None:
    async with deployment(limits=RATE) as shared:
        first, second = shared.gateways
        for _ in range(2):
            await first.start()
        assert remaining(second) == 2
        await refused(second)
        assert remaining(second) == 0


async def test_without_limits_a_start_asks_the_store_for_nothing() -> None:
    async with deployment() as shared:
        first, _ = shared.gateways
        await first.start()
        assert not [call for call in first.faults.calls if call.startswith(("starts.", "slots."))]


async def test_waiting_generations_are_counted_in_the_statistics() -> None:
    async with deployment(limits=Limits(max_concurrent=1)) as shared:
        first, second = shared.gateways
        for gateway in (first, second, second):
            await gateway.start()
        figures = [(gateway.hub.stats()["active"], gateway.hub.stats()["queued"]) for gateway in shared.gateways]
        assert figures == [(1, 0), (0, 2)]
