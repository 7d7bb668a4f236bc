"""The way of one answer through its model's targets: whom to ask first, whom next, and when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from gateway.protocol.errors import Code, Failed, UnsupportedOption
from gateway.routing.model import Model
from gateway.routing.target import Target

REQUEST_FAULTS = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER, Code.OUTPUT_LIMIT, Code.BUDGET_EXCEEDED})
"""What is the request's own fault, or the principal's: another upstream would say the same."""


class _Failures(NamedTuple):
    times: int
    not_before: float


@dataclass(slots=True)
class Route:
    """Where an answer has been and where it goes next, from `began` on. Times in seconds of one clock."""

    model: Model
    began: float
    calls: int = field(init=False, default=0)
    """Those that a breaker refused included."""
    cannot_continue: tuple[Target, ...] = field(init=False, default=())
    """Targets that refused to go on from a text, and answer it instead."""
    _order: Sequence[Target] = field(init=False)
    _asked: tuple[Target, ...] = field(init=False, default=())
    _failed: dict[Target, _Failures] = field(init=False, default_factory=dict)
    _over: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._order = self.model.order(self.began)

    def first_target(self, now: float) -> Target:
        """Give whom to ask first: the first that would take a call, else the first."""
        return min(self._order, key=lambda target: target.ready_at(now) > now)

    def hedge_target(self, racing: Target, now: float) -> Target | None:
        """Give whom to race against `racing`; None if nobody else would take a call now."""
        if not self.has_calls_left:
            return None
        for target in self._order:
            free = target is not racing and max(self._ready_at(target, now), target.cooldown_until) <= now
            if free and self._paid(target):
                return target
        return None

    def record_call(self, target: Target) -> None:
        """Count a call; the first of this answer to a target earns it a part of a retry."""
        self.calls += 1
        if target not in self._asked:
            self._asked += (target,)
            target.retry_budget.deposit()

    def record_refusal(self, target: Target) -> None:
        """Count a call that did not come about: the breaker refused it, say; what a retry had paid is given back."""
        self.calls += 1
        if target in self._failed:
            target.retry_budget.refund()

    def record_failure(self, target: Target, failure: Failed, now: float) -> None:
        """Tell that a call to a target failed."""
        policy = self.model.policy
        times = self._failed[target].times + 1 if target in self._failed else 1
        delay = policy.backoff.delay(failure, times, now - self.began, policy.random)
        self._failed[target] = _Failures(times, inf if delay is None else now + delay)
        if failure.code is Code.RATE_LIMIT and failure.retry_after_ms is not None:
            target.cooldown_until = max(target.cooldown_until, now + failure.retry_after_ms / 1000)
        if failure.code in REQUEST_FAULTS and not isinstance(failure, UnsupportedOption):
            self._over = True

    def next_target(self, now: float, left: float = inf) -> tuple[Target, float] | None:
        """Give whom to ask next, and in how many seconds; None if nobody, or not before `left` seconds are gone.

        A target that was asked before pays for it out of its retry budget.
        """
        within = self.began + self.model.policy.backoff.retry_within - now
        if self._over or not self.has_calls_left:
            return None
        for target in sorted(self._order, key=lambda target: self._ready_at(target, now)):
            wait = self._ready_at(target, now) - now
            if (wait and wait > within) or wait >= left:
                return None
            if self._paid(target):
                return target, wait
            self._failed[target] = self._failed[target]._replace(not_before=inf)
        return None

    def _paid(self, target: Target) -> bool:
        return target not in self._failed or target.retry_budget.withdraw()

    @property
    def has_calls_left(self) -> bool:
        """Tell whether an answer may have one more call: at least one to each target."""
        return self.calls < max(self.model.policy.backoff.max_attempts, len(self._order))

    def _ready_at(self, target: Target, now: float) -> float:
        ready_at = target.ready_at(now)
        return max(ready_at, self._failed[target].not_before) if target in self._failed else ready_at
