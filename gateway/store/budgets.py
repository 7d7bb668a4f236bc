"""The port of budgets: what each principal has spent on a day, on all gateways together."""

from collections.abc import Mapping
from typing import Protocol


class BudgetTotals(Protocol):
    """US dollars by day, principal and gateway. Every method may raise `StoreError`."""

    async def record(self, replica: str, day: int, spent: Mapping[str, float]) -> Mapping[str, float]:
        """Set what a gateway itself has spent for principals on a day; return what all gateways have spent for each.

        These are sums, and no increments: what is recorded again, because its reply was lost, is not counted twice.
        A day is counted since 1970, and is kept for two.
        """
        ...
