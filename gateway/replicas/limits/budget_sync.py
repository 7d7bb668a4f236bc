"""Share what principals have spent with the other replicas, in the background: no chunk waits for it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from gateway.billing.budgets import Budgets
from gateway.clock import Clock, RestartableTimer
from gateway.security.principals import Principal
from gateway.store.budgets import BudgetTotals
from gateway.store.errors import StoreError

SYNC_SECONDS: Final = 0.2
"""Delay after which what was spent is recorded."""

RETRY_SECONDS: Final = 1.0
"""Delay after which it is recorded again, when the store has failed."""


READ_AT_ONCE: Final = 500
"""Number of principals that are read with one exchange."""

GRANTED: Final = "granted:"
"""Prefix of a principal's name in the store, for what operators have granted it. No principal's id begins with it."""


class BudgetSync:
    """Records the sums of this gateway, and adds those of the others to the budgets. Its owner runs `run`.

    Only sums are recorded: what is recorded twice is counted once, and what a gateway has recorded counts on when it
    has died.
    """

    def __init__(self, totals: BudgetTotals, replica: str, budgets: Budgets, clock: Clock) -> None:
        self._totals = totals
        self._replica = replica
        self._budgets = budgets
        self._clock = clock
        self._changed: dict[str, None] = {}
        """Principals whose sums are to be recorded."""
        self._timer = RestartableTimer(clock)
        self._is_due = asyncio.Event()
        self._recording = asyncio.Lock()
        budgets.on_spend = self._on_spend

    async def refresh(self, principal: Principal) -> None:
        """Read what all have spent, before a start is admitted; without the store, what was known before counts on.

        Starts that come meanwhile share the next request.
        """
        if self._budgets.limit(principal.limits.budget_per_day):
            self._changed[principal.id] = None
            with suppress(StoreError):
                await self.synchronize()

    async def read(self, principals: Iterable[str]) -> None:
        """Read what all have spent and were granted, for an operator.

        Raises:
            StoreError: what was known before counts on.
        """
        unix = self._clock.unix()
        day = self._budgets.start_day(unix)
        names = [*principals]
        for start in range(0, len(names), READ_AT_ONCE):
            part = names[start : start + READ_AT_ONCE]
            spent = {name: self._budgets.spent_here(name, unix) for name in part}
            granted = {f"{GRANTED}{name}": self._granted_here(name, unix) for name in part}
            async with self._recording:
                await self._exchange(day, {**spent, **granted})

    async def run(self) -> None:
        """Record what has changed, until the task is cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            with suppress(StoreError):
                await self.synchronize()

    async def synchronize(self) -> None:
        """Record what has changed, now.

        Raises:
            StoreError: it is recorded later.
        """
        async with self._recording:
            changed, self._changed = self._changed, {}
            try:
                await self._record([*changed])
            except StoreError:
                self._changed = {**changed, **self._changed}
                self._timer.start(RETRY_SECONDS, self._is_due.set)
                raise

    def close(self) -> None:
        """Record nothing any more. Call `synchronize` before, once no generation runs any more."""
        self._budgets.on_spend = None
        self._timer.cancel()

    def _on_spend(self, principal: str) -> None:
        self._changed[principal] = None
        if not self._timer.is_pending:
            self._timer.start(SYNC_SECONDS, self._is_due.set)

    async def _record(self, principals: Sequence[str]) -> None:
        if not principals:
            return
        unix = self._clock.unix()
        day = self._budgets.start_day(unix)
        own = {principal: self._budgets.spent_here(principal, unix) for principal in principals}
        granted = {f"{GRANTED}{name}": dollars for name in principals if (dollars := self._granted_here(name, unix))}
        await self._exchange(day, {**own, **granted})

    async def _exchange(self, day: int, own: Mapping[str, float]) -> None:
        totals = await self._totals.record(self._replica, day, own)
        if self._budgets.start_day(self._clock.unix()) != day:
            return
        for name, total in totals.items():
            # Fractions of the store's unit are errors of rounding.
            elsewhere = round(total - own[name], 9)
            if name.startswith(GRANTED):
                self._budgets.set_granted_elsewhere(name.removeprefix(GRANTED), elsewhere)
            else:
                self._budgets.set_spent_elsewhere(name, elsewhere)

    def _granted_here(self, principal: str, unix: float) -> float:
        return self._budgets.granted_here(principal, unix)
