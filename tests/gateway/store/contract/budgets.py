"""What shared budgets must do."""

import asyncio

import pytest

from tests.gateway.store.contract.shared import SharedStore


class BudgetTotalsContract:
    """A subclass provides the fixture `shared`."""

    async def test_sums_of_all_gateways_are_added(self, shared: SharedStore) -> None:
        totals = shared.first.budgets
        assert await totals.record("r1", 5, {"key:a": 0.25, "key:b": 1.0}) == {"key:a": 0.25, "key:b": 1.0}
        assert await totals.record("r2", 5, {"key:a": 0.5}) == {"key:a": 0.75}
        assert await totals.record("r1", 5, {"key:a": 0.3}) == {"key:a": pytest.approx(0.8)}
        assert await totals.record("r3", 5, {}) == {}

    async def test_what_is_recorded_twice_is_counted_once(self, shared: SharedStore) -> None:
        totals = shared.first.budgets
        for _ in range(3):
            assert await totals.record("r1", 5, {"key:a": 2.0}) == {"key:a": 2.0}

    async def test_a_refund_lowers_the_sum(self, shared: SharedStore) -> None:
        totals = shared.first.budgets
        await totals.record("r1", 5, {"key:a": 2.0})
        await totals.record("r2", 5, {"key:a": 1.0})
        assert await totals.record("r1", 5, {"key:a": 0.5}) == {"key:a": 1.5}

    async def test_a_day_begins_with_nothing(self, shared: SharedStore) -> None:
        totals = shared.first.budgets
        await totals.record("r1", 5, {"key:a": 2.0})
        assert await totals.record("r1", 6, {"key:a": 0.0}) == {"key:a": 0.0}
        # A gateway whose clock is behind is still on the day before.
        assert await totals.record("r2", 5, {"key:a": 1.0}) == {"key:a": 3.0}

    async def test_nothing_is_lost_among_many(self, shared: SharedStore) -> None:
        totals = shared.first.budgets
        await asyncio.gather(*(totals.record(f"r{number}", 5, {"key:a": 0.001}) for number in range(50)))
        assert await totals.record("r0", 5, {"key:a": 0.001}) == {"key:a": pytest.approx(0.05)}
