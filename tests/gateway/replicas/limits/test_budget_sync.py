"""Budgets that streams on several gateways share."""

import pytest

from gateway.admission.limits import PrincipalLimits
from gateway.billing.budgets import DAY
from gateway.billing.prices import Price
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Error
from gateway.security.principals import Principal
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Gateway, deployment
from tests.start_requests import start_request

ALICE = Principal("alice", "key", limits=PrincipalLimits(budget_per_day=1000))
CHARGED_AHEAD = 64
"""Tokens that are charged in advance."""


def set_prices(shared: Deployment) -> None:
    """Set a price of one dollar for each token of an answer."""
    for gateway in shared.gateways:
        gateway.hub.models.by_name["m"].targets[0].price = Price(0, 0, 1e6)


def spent(gateway: Gateway) -> float:
    return gateway.hub.budgets.spent(ALICE.id, gateway.clock.unix())


async def test_streams_on_two_gateways_end_when_the_budget_is_spent() -> None:
    async with deployment() as shared:
        set_prices(shared)
        generations = [await gateway.start(principal=ALICE) for gateway in shared.gateways]
        for _ in range(60):
            for gateway in shared.gateways:
                if not gateway.upstream.last.closed:
                    gateway.send("word" * 20)
            await shared.advance(0.2)
        ends = [generation.end for generation in generations]
        assert all(isinstance(end, Error) and end.code is Code.BUDGET_EXCEEDED for end in ends)
        used = sum(generation.usage().output_tokens or 0 for generation in generations)
        # What another gateway has charged is known after 0.2 s, in which each stream has sent 20 tokens and may have
        # charged its next step; it ends when that is sent.
        assert 1000 <= used <= 1000 + 2 * (CHARGED_AHEAD + 20)
        await shared.advance(0.2)
        with pytest.raises(Refused) as refused:
            await shared.gateways[0].start(principal=ALICE)
        assert refused.value.code is Code.BUDGET_EXCEEDED


async def test_a_start_reads_what_was_recorded_elsewhere() -> None:
    async with deployment() as shared:
        set_prices(shared)
        first, second = shared.gateways
        generation = await first.start(principal=ALICE)
        first.send("word" * 1001)
        await settle()
        assert generation.log.ended
        await shared.advance(0.2)
        with pytest.raises(Refused):
            await second.start(principal=ALICE)
        with pytest.raises(Refused):
            await second.generations.admit_call(ALICE)
        await second.start(start_request("of another principal"))
        # Tomorrow all is there again.
        shared.clock.pause(DAY)
        assert (spent(first), spent(second)) == (0, 0)


async def test_what_a_gateway_has_spent_counts_on_when_it_has_died_or_left() -> None:
    async with deployment(3) as shared:
        set_prices(shared)
        first, second, third = shared.gateways
        generation = await first.start(principal=ALICE)
        first.send("word" * 100)
        await settle()
        await shared.advance(0.2)
        first.kill()
        other = await second.start(principal=ALICE)
        second.send("word" * 50)
        await settle()
        second.hub.delete(other.id, ALICE)
        await settle()
        await second.hub.close()
        await second.replica.close()
        await third.start(principal=ALICE)
        # Its own answer is charged ahead, as that of the first was when it died.
        assert spent(third) == pytest.approx(150 + 2 * CHARGED_AHEAD)
        first.hub.delete(generation.id, ALICE)


async def test_a_lost_reply_counts_nothing_twice_and_a_failed_store_nothing_less() -> None:
    async with deployment() as shared:
        set_prices(shared)
        first, second = shared.gateways
        generation = await first.start(principal=ALICE)
        first.faults.fail_once("budgets.record")
        first.send("word" * 100)
        await shared.advance(0.2)
        first.faults.fail("budgets.record")
        first.send("word" * 100)
        await shared.advance(2)
        assert not generation.log.ended
        # What is known here counts meanwhile.
        await first.replica.shared.budgets.refresh(ALICE)
        assert spent(first) == pytest.approx(200 + CHARGED_AHEAD)
        first.faults.heal()
        await shared.advance(2)
        await second.replica.shared.budgets.refresh(ALICE)
        assert spent(second) == pytest.approx(200 + CHARGED_AHEAD)
        first.hub.delete(generation.id, ALICE)


async def test_an_emptied_store_gets_the_sums_again() -> None:
    async with deployment() as shared:
        set_prices(shared)
        first, second = shared.gateways
        generation = await first.start(principal=ALICE)
        first.send("word" * 100)
        await shared.advance(0.2)
        shared.empty_store()
        first.send("word" * 100)
        await shared.advance(2)
        await second.replica.shared.budgets.refresh(ALICE)
        assert spent(second) == pytest.approx(200 + CHARGED_AHEAD)
        first.hub.delete(generation.id, ALICE)


async def test_without_a_budget_the_store_is_not_asked() -> None:
    async with deployment() as shared:
        first, _ = shared.gateways
        generation = await first.streaming("word" * 1000)
        await shared.advance(1)
        assert "budgets.record" not in first.faults.calls
        first.hub.delete(generation.id, Principal("", roles=frozenset({"operate"})))
