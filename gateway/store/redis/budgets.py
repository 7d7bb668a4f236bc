"""Budgets in Redis: a hash for each principal and day, with the sum of each gateway and the total."""

from collections.abc import Mapping
from typing import Final

from gateway.store.redis.calls import ScriptCall
from gateway.store.redis.client import RedisClient, checked
from gateway.store.redis.keys import Keys, milliseconds
from gateway.store.redis.replies import as_int
from gateway.store.redis.scripts import load_script

DAYS_KEPT: Final = 2

UNITS: Final = 1e9
"""Billionths of a dollar: integers add up exactly, in Lua up to nine million dollars a day."""

_RECORD: Final = load_script("record_budget")


class RedisBudgetTotals:
    """US dollars by day, principal and gateway."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def record(self, replica: str, day: int, spent: Mapping[str, float]) -> Mapping[str, float]:
        """Set what a gateway itself has spent for principals on a day; return what all gateways have spent for each."""
        keep = milliseconds(DAYS_KEPT * 86_400)
        calls = [
            ScriptCall(_RECORD, (self._keys.budget(principal, day),), (replica, round(dollars * UNITS), keep))
            for principal, dollars in spent.items()
        ]
        totals = checked(await self._client.run(calls))
        return {principal: as_int(total) / UNITS for principal, total in zip(spent, totals, strict=True)}
