"""What principals have used on a day (UTC), beside what their budgets count. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.billing.budgets import DAY

MAX_PRINCIPALS: Final = 10_000
"""Maximum number of principals whose use is counted; that of others is not."""


@dataclass(frozen=True, slots=True)
class Use:
    """Generations that were started, tokens and US dollars, as far as they are known."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Use") -> "Use":
        return Use(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )


NO_USE: Final = Use()


@dataclass(slots=True)
class DailyUse:
    """The use of each principal on the current day, by way of this gateway. `unix` is in seconds since 1970."""

    _day: int = field(init=False, default=-1)
    _used: dict[str, Use] = field(init=False, default_factory=dict)

    def add(self, principal: str, use: Use, unix: float) -> None:
        """Count what a principal has used."""
        self.start_day(unix)
        if principal in self._used or len(self._used) < MAX_PRINCIPALS:
            self._used[principal] = self._used.get(principal, NO_USE) + use

    def of(self, principal: str, unix: float) -> Use:
        """Return what a principal has used on this day."""
        self.start_day(unix)
        return self._used.get(principal, NO_USE)

    def all(self, unix: float) -> Mapping[str, Use]:
        """Return what each principal has used on this day."""
        self.start_day(unix)
        return self._used

    def start_day(self, unix: float) -> int:
        """Forget what was used before if a new day has begun; return the day, counted since 1970."""
        day = int(unix // DAY)
        if day > self._day:
            self._used.clear()
        if day > self._day or day < self._day - 1:
            self._day = day
        return self._day
