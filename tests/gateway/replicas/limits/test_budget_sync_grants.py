"""What operators grant, on several gateways."""

import pytest

from gateway.protocol.errors import Refused
from gateway.store.errors import StoreError
from tests.gateway.replicas.deployment import Gateway, deployment
from tests.gateway.replicas.limits.test_budget_sync import ALICE

LIMIT = ALICE.limits.budget_per_day


def left(gateway: Gateway) -> float:
    return gateway.hub.budgets.remaining(ALICE.id, gateway.clock.unix(), LIMIT)


async def test_what_is_granted_on_one_gateway_may_be_spent_on_all() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        first.hub.budgets.spend(ALICE.id, 1000, first.clock.unix(), LIMIT)
        await shared.advance(0.2)
        with pytest.raises(Refused):
            await second.start(principal=ALICE)
        second.hub.budgets.grant(ALICE.id, 300, second.clock.unix())
        await shared.advance(0.2)
        await third.start(principal=ALICE)
        assert [left(gateway) for gateway in (second, third)] == [300, 300]
        # It is read for an operator, whichever gateway that asks.
        await first.replica.shared.budgets.read([ALICE.id, "key:nobody"])
        assert first.hub.budgets.granted(ALICE.id, first.clock.unix()) == 300
        assert left(first) == 300
        # Another grant on another gateway adds up.
        first.hub.budgets.grant(ALICE.id, 200, first.clock.unix())
        await shared.advance(0.2)
        await second.replica.shared.budgets.read([ALICE.id])
        assert second.hub.budgets.granted(ALICE.id, second.clock.unix()) == 500
        assert left(second) == 500


async def test_without_the_store_what_was_known_counts() -> None:
    async with deployment() as shared:
        first, _ = shared.gateways
        first.hub.budgets.grant(ALICE.id, 300, first.clock.unix())
        first.faults.fail("budgets")
        with pytest.raises(StoreError):
            await first.replica.shared.budgets.read([ALICE.id])
        assert left(first) == 1300
        first.faults.heal()
