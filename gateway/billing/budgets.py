"""Budgets: how many US dollars each principal may spend in a day (UTC). Pure.

A prompt is charged when it is sent and an answer while it streams, by estimates that the provider's figures replace at
the end: several streams of one principal share what is left, and none of them runs on when it is gone.
"""

from dataclasses import dataclass, field
from math import inf

from gateway.protocol.errors import Code, Failed, Refused

DAY = 86_400
EPSILON = 1e-12
"""What adding fractions of a dollar may have left of nothing."""


@dataclass(slots=True)
class Budgets:
    """What each principal spent on the present day; `per_day` US dollars are the limit, 0 means none.

    A principal's own limit wins: `own`, None for the general one. `unix` is the time in seconds since 1970.
    """

    per_day: float = 0.0
    _day: int = field(init=False, default=-1)
    _spent: dict[str, float] = field(init=False, default_factory=dict)

    def limit(self, own: float | None = None) -> float:
        """Give the limit that holds; 0 means none."""
        return self.per_day if own is None else own

    def left(self, principal: str, unix: float, own: float | None = None) -> float:
        """Tell how many US dollars are left, below zero when more was spent; infinity without a limit."""
        limit = self.limit(own)
        return limit - self.spent(principal, unix) if limit else inf

    def spent(self, principal: str, unix: float) -> float:
        """Tell how many US dollars were spent on this day."""
        self._turn(unix)
        return self._spent.get(principal, 0.0)

    def check(self, principal: str, unix: float, own: float | None = None) -> None:
        """Look whether anything is left.

        Raises:
            Refused: `budget_exceeded`, with the time until the day ends.
        """
        if self.left(principal, unix, own) <= EPSILON:
            raise Refused(Code.BUDGET_EXCEEDED, self._message(own), retry_after_ms=self._until_tomorrow(unix))

    def exceeded(self, unix: float, own: float | None = None) -> Failed:
        """Make the failure of a generation that the budget ends."""
        return Failed(Code.BUDGET_EXCEEDED, self._message(own), retry_after_ms=self._until_tomorrow(unix))

    def spend(self, principal: str, dollars: float, unix: float, own: float | None = None) -> None:
        """Count what was spent, or, below zero, what was counted and not spent."""
        if self.limit(own) and dollars:
            self._turn(unix)
            self._spent[principal] = self._spent.get(principal, 0.0) + dollars

    def _turn(self, unix: float) -> None:
        day = int(unix // DAY)
        if day != self._day:
            self._day = day
            self._spent.clear()

    def _until_tomorrow(self, unix: float) -> int:
        return round((DAY - unix % DAY) * 1000)

    def _message(self, own: float | None) -> str:
        return f"The budget of {self.limit(own):g} US dollars a day is spent; it is renewed at midnight UTC."


@dataclass(slots=True)
class BudgetCharge:
    """What one generation has been charged of its principal's budget."""

    budgets: Budgets
    principal: str
    own: float | None = None
    charged: float = 0.0
    _day: int = field(init=False, default=-1)
    _today: float = field(init=False, default=0.0)

    @property
    def is_limited(self) -> bool:
        """Tell whether there is a budget at all."""
        return bool(self.budgets.limit(self.own))

    def charge_to_date(self, cost: float | None, unix: float) -> float:
        """Charge what it cost up to now, and give what is left; a cost that is not known is not charged.

        What was charged too much is given back on the day on which it was charged, not on the next.
        """
        day = int(unix // DAY)
        if day != self._day:
            self._day, self._today = day, 0.0
        if cost is not None:
            more = max(cost - self.charged, -self._today)
            self.budgets.spend(self.principal, more, unix, self.own)
            self._today += more
            self.charged = cost
        return self.budgets.left(self.principal, unix, self.own)

    def exceeded(self, unix: float) -> Failed:
        """Make the failure of a generation that the budget ends."""
        return self.budgets.exceeded(unix, self.own)
