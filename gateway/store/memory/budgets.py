"""BudgetTotals in memory."""

from collections.abc import Mapping


class MemoryBudgetTotals:
    """US dollars by day, principal and gateway."""

    def __init__(self) -> None:
        self._days: dict[int, dict[str, dict[str, float]]] = {}

    async def record(self, replica: str, day: int, spent: Mapping[str, float]) -> Mapping[str, float]:
        """Set what a gateway itself has spent for principals on a day; return what all gateways have spent for each."""
        by_principal = self._days.setdefault(day, {})
        self._days = {known: days for known, days in self._days.items() if known >= day - 1}
        for principal, dollars in spent.items():
            by_principal.setdefault(principal, {})[replica] = dollars
        return {principal: sum(by_principal[principal].values()) for principal in spent}
