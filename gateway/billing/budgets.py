"""Budgets: US dollars that each principal may spend in a day (UTC). Pure.

A prompt is charged when it is sent, and an answer while it streams. These charges are estimates; the provider's figures
replace them at the end. So concurrent streams of one principal share what remains, and all of them end when it is
spent.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf

from gateway.protocol.errors import Code, Failed, Refused

DAY = 86_400
"""Seconds."""

EPSILON = 1e-12
"""Tolerance, in US dollars, for rounding errors of adding fractions of a dollar."""


@dataclass(slots=True)
class Budgets:
    """Spending of each principal on the current day. `budget_per_day` is the general limit in US dollars, 0 for none.

    A principal's own limit replaces the general one: `own_limit`, None if it has none. `unix` is in seconds since 1970.
    """

    budget_per_day: float = 0.0
    on_spend: Callable[[str], None] | None = field(init=False, default=None)
    """Called with the id of a principal that has spent something, to share that with other gateways."""
    _day: int = field(init=False, default=-1)
    _spent: dict[str, float] = field(init=False, default_factory=dict)
    """With what was spent elsewhere."""
    _elsewhere: dict[str, float] = field(init=False, default_factory=dict)
    _granted: dict[str, float] = field(init=False, default_factory=dict)
    """What operators have granted beyond the limits, with what was granted elsewhere."""
    _granted_elsewhere: dict[str, float] = field(init=False, default_factory=dict)

    def limit(self, own_limit: float | None = None) -> float:
        """Return the limit that applies; 0 means no limit."""
        return self.budget_per_day if own_limit is None else own_limit

    def remaining(self, principal: str, unix: float, own_limit: float | None = None) -> float:
        """Return the remaining US dollars: negative if more was spent, infinity without a limit."""
        limit = self.limit(own_limit)
        return limit - self.spent(principal, unix) if limit else inf

    def spent(self, principal: str, unix: float) -> float:
        """Return the US dollars spent on this day."""
        self.start_day(unix)
        return self._spent.get(principal, 0.0)

    def spent_here(self, principal: str, unix: float) -> float:
        """Return the US dollars spent on this day by way of this gateway."""
        return self.spent(principal, unix) - self._elsewhere.get(principal, 0.0)

    def set_spent_elsewhere(self, principal: str, dollars: float) -> None:
        """Set what was spent on this day by way of other gateways, as far as it is known."""
        known = self._elsewhere.get(principal, 0.0)
        self._spent[principal] = self._spent.get(principal, 0.0) + dollars - known
        self._elsewhere[principal] = dollars

    def granted(self, principal: str, unix: float) -> float:
        """Return the US dollars that operators have granted beyond the limit on this day."""
        self.start_day(unix)
        return self._granted.get(principal, 0.0)

    def granted_here(self, principal: str, unix: float) -> float:
        """Return the US dollars that were granted on this day by way of this gateway."""
        return self.granted(principal, unix) - self._granted_elsewhere.get(principal, 0.0)

    def set_granted_elsewhere(self, principal: str, dollars: float) -> None:
        """Set what was granted on this day by way of other gateways; `set_spent_elsewhere` has subtracted it."""
        known = self._granted_elsewhere.get(principal, 0.0)
        self._granted[principal] = self._granted.get(principal, 0.0) + dollars - known
        self._granted_elsewhere[principal] = dollars

    def grant(self, principal: str, dollars: float, unix: float) -> None:
        """Grant a principal US dollars beyond its limit, for this day.

        It counts as negative spending: other gateways learn of it as of all that is spent, and nothing on the way of a
        chunk asks for it.
        """
        self.start_day(unix)
        self._granted[principal] = self._granted.get(principal, 0.0) + dollars
        self._spent[principal] = self._spent.get(principal, 0.0) - dollars
        if self.on_spend is not None:
            self.on_spend(principal)

    def known(self, unix: float) -> Collection[str]:
        """Return the principals that have spent something on this day, or were granted something."""
        self.start_day(unix)
        return self._spent.keys()

    def check(self, principal: str, unix: float, own_limit: float | None = None) -> None:
        """Check that some of the budget remains.

        Raises:
            Refused: `budget_exceeded`, with the time until the day ends.
        """
        limit = self.budget_per_day if own_limit is None else own_limit
        if limit and limit - self.spent(principal, unix) <= EPSILON:
            raise Refused(Code.BUDGET_EXCEEDED, self._message(own_limit), retry_after_ms=self._ms_until_renewal(unix))

    def exceeded(self, unix: float, own_limit: float | None = None) -> Failed:
        """Build the failure that ends a generation because the budget is spent."""
        return Failed(Code.BUDGET_EXCEEDED, self._message(own_limit), retry_after_ms=self._ms_until_renewal(unix))

    def spend(self, principal: str, dollars: float, unix: float, own_limit: float | None = None) -> None:
        """Record spent US dollars. A negative amount corrects an earlier charge that was too high."""
        if self.limit(own_limit) and dollars:
            self.start_day(unix)
            self._spent[principal] = self._spent.get(principal, 0.0) + dollars
            if self.on_spend is not None:
                self.on_spend(principal)

    def start_day(self, unix: float) -> int:
        """Renew the budgets if a new day has begun; return the day, counted since 1970.

        A clock that is set back does not renew them. If it is set back over more than midnight, it was wrong before:
        the days are counted from where it is now, so that the next one is not years away.
        """
        day = int(unix // DAY)
        if day > self._day:
            self._spent.clear()
            self._elsewhere.clear()
            self._granted.clear()
            self._granted_elsewhere.clear()
        if day > self._day or day < self._day - 1:
            self._day = day
        return self._day

    def renewed_at(self, unix: float) -> float:
        """Return when the next day begins, in seconds since 1970."""
        return float((self.start_day(unix) + 1) * DAY)

    def _ms_until_renewal(self, unix: float) -> int:
        return round((self.renewed_at(unix) - unix) * 1000)

    def _message(self, own_limit: float | None) -> str:
        return f"The budget of {self.limit(own_limit):g} US dollars a day is spent; it is renewed at midnight UTC."


@dataclass(slots=True)
class BudgetCharge:
    """Charges of one generation to its principal's budget."""

    budgets: Budgets
    principal: str
    own_limit: float | None = None
    charged: float = 0.0
    _day: int = field(init=False, default=-1)
    _today: float = field(init=False, default=0.0)

    @property
    def is_limited(self) -> bool:
        """Return True if the principal has a budget."""
        return bool(self.budgets.budget_per_day if self.own_limit is None else self.own_limit)

    def charge_to_date(self, cost: float | None, unix: float) -> float:
        """Charge the cost of the generation so far (US dollars), and return what remains of the budget.

        An unknown cost (None) changes nothing. If earlier charges were too high, the difference is refunded, but only
        up to what was charged today: yesterday's charges must not increase today's budget.
        """
        is_limited = self.is_limited
        day = self.budgets.start_day(unix)
        if day != self._day:
            self._day, self._today = day, 0.0
        if cost is not None:
            difference = max(cost - self.charged, -self._today)
            if is_limited:
                self.budgets.spend(self.principal, difference, unix, self.own_limit)
            self._today += difference
            self.charged = cost
        return self.budgets.remaining(self.principal, unix, self.own_limit) if is_limited else inf

    def exceeded(self, unix: float) -> Failed:
        """Build the failure that ends a generation because the budget is spent."""
        return self.budgets.exceeded(unix, self.own_limit)
