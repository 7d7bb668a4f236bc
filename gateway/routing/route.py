"""The way of one answer through its model's targets: whom to ask first, whom next, and when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from gateway.errors import Code, Failed, NotSpelled
from gateway.routing.model import Model
from gateway.routing.target import Target

OF_THE_REQUEST = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER, Code.OUTPUT_LIMIT, Code.BUDGET_EXCEEDED})
"""What is the request's own fault, or the principal's: another upstream would say the same."""


class _Failures(NamedTuple):
    times: int
    not_before: float


@dataclass(slots=True)
class Route:
    """Where an answer has been and where it goes next. Times in seconds of one clock."""

    model: Model
    began: float
    calls: int = field(init=False, default=0)
    """Those that a breaker refused included."""
    _order: Sequence[Target] = field(init=False)
    _asked: tuple[Target, ...] = field(init=False, default=())
    _failed: dict[Target, _Failures] = field(init=False, default_factory=dict)
    _over: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._order = self.model.order(self.began)

    def first(self, now: float) -> Target:
        """Give whom to ask first: the first that would take a call, else the first."""
        return min(self._order, key=lambda target: target.ready_at(now) > now)

    def beside(self, racing: Target, now: float) -> Target | None:
        """Give whom to race against `racing`; None if nobody else would take a call now."""
        if self.calls >= self._most:
            return None
        others = (target for target in self._order if target is not racing and self._ready_at(target, now) <= now)
        return next(others, None)

    def called(self, target: Target) -> None:
        """Count a call; the first of this answer to a target earns it a part of a retry."""
        self.calls += 1
        if target not in self._asked:
            self._asked += (target,)
            target.retry_budget.deposit()

    def refused(self, target: Target) -> None:
        """Count a call that the target's breaker refused; what a retry had paid for it is given back."""
        self.calls += 1
        if target in self._failed:
            target.retry_budget.refund()

    def failed(self, target: Target, failure: Failed, now: float, elapsed: float) -> None:
        """Tell that a call to a target failed, `elapsed` seconds after the first call of all."""
        policy = self.model.policy
        times = self._failed[target].times + 1 if target in self._failed else 1
        delay = policy.backoff.delay(failure, times, elapsed, policy.chance)
        self._failed[target] = _Failures(times, inf if delay is None else now + delay)
        if failure.code is Code.RATE_LIMIT and failure.retry_after_ms is not None:
            target.resting_until = max(target.resting_until, now + failure.retry_after_ms / 1000)
        if failure.code in OF_THE_REQUEST and not isinstance(failure, NotSpelled):
            self._over = True

    def next(self, now: float, elapsed: float) -> tuple[Target, float] | None:
        """Give whom to ask next, and in how many seconds; None if nobody, or not in time.

        A target that was asked before pays for it out of its retry budget.
        """
        policy = self.model.policy
        if self._over or self.calls >= self._most:
            return None
        for target in sorted(self._order, key=lambda target: self._ready_at(target, now)):
            wait = self._ready_at(target, now) - now
            if (wait and elapsed + wait > policy.backoff.within) or elapsed + wait >= (policy.limits.total or inf):
                return None
            failed = self._failed.get(target)
            if failed is None or target.retry_budget.withdraw():
                return target, wait
            self._failed[target] = _Failures(failed.times, inf)
        return None

    @property
    def _most(self) -> int:
        """Count the calls that an answer may have: at least one to each target."""
        return max(self.model.policy.backoff.attempts, len(self._order))

    def _ready_at(self, target: Target, now: float) -> float:
        ready_at = target.ready_at(now)
        return max(ready_at, self._failed[target].not_before) if target in self._failed else ready_at
