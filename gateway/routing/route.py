"""The route of one generation through its model's targets: which one to call first, which next, and when. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, NamedTuple

from gateway.protocol.errors import Code, Failed, UnsupportedOption
from gateway.routing.model import Model
from gateway.routing.target import Target

REQUEST_FAULTS = frozenset(
    {
        Code.INVALID_REQUEST,
        Code.CONTENT_FILTER,
        Code.OUTPUT_LIMIT,
        Code.BUDGET_EXCEEDED,
        # What was asked for, a large image say, is larger than the gateway passes on.
        Code.EVENT_TOO_LARGE,
    }
)
"""Codes caused by the request or its principal: another target would fail in the same way."""


class _Failures(NamedTuple):
    attempts: int
    retry_at: float
    """Earliest time of the next call; infinite if there must be none."""


_NO_FAILURES: Final[Mapping[Target, _Failures]] = {}


@dataclass(slots=True)
class Route:
    """The calls of one generation so far, and its next target. `began` and all times are seconds of one clock."""

    model: Model
    began: float
    calls: int = field(init=False, default=0)
    """Number of calls, those refused by a breaker included."""
    cannot_continue: tuple[Target, ...] = field(init=False, default=())
    """Targets that refused to continue a partial answer. They answer from the start instead."""
    _order: Sequence[Target] = field(init=False)
    _called: tuple[Target, ...] = field(init=False, default=())
    _failures: Mapping[Target, _Failures] = field(init=False, default_factory=lambda: _NO_FAILURES)
    """Replaced, not changed: most routes have none, and share one that is empty."""
    _request_failed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        # Computed once: with `weighted` and `fastest`, a second call would draw another order.
        self._order = self.model.order(self.began)

    def first_target(self, now: float) -> Target:
        """Return the first target that would admit a call now, or the first of all if none would."""
        if len(self._order) == 1:
            return self._order[0]
        return min(self._order, key=lambda target: target.ready_at(now) > now)

    def hedge_target(self, racing: Target, now: float) -> Target | None:
        """Return the target to race against `racing`, or None if no other one would admit a call now."""
        if not self.has_calls_left:
            return None
        for target in self._order:
            # A race is optional: it must not disturb a provider that asked for a pause.
            ready = target is not racing and max(self._ready_at(target, now), target.cooldown_until) <= now
            if ready and self._pay(target):
                return target
        return None

    def record_call(self, target: Target) -> None:
        """Count a call. The first call of this generation to a target adds to that target's retry budget."""
        self.calls += 1
        if target not in self._called:
            self._called += (target,)
            target.retry_budget.deposit()

    def record_refusal(self, target: Target) -> None:
        """Count a call that was not made, for example because the breaker refused it; refund its retry."""
        self.calls += 1
        if target in self._failures:
            target.retry_budget.refund()

    def record_failure(self, target: Target, failure: Failed, now: float) -> None:
        """Record that a call to a target failed, and decide when the target may be called again."""
        policy = self.model.policy
        attempts = self._failures[target].attempts + 1 if target in self._failures else 1
        delay = policy.backoff.delay(failure, attempts, now - self.began, policy.random)
        failures = _Failures(attempts, inf if delay is None else now + delay)
        self._failures = {**self._failures, target: failures}
        if failure.code is Code.RATE_LIMIT and failure.retry_after_ms is not None:
            # On the target, not on this route: the pause holds for other generations, too.
            target.cooldown_until = max(target.cooldown_until, now + failure.retry_after_ms / 1000)
        # An option that this wire format lacks was not sent: another target's format may have it.
        if failure.code in REQUEST_FAULTS and not isinstance(failure, UnsupportedOption):
            self._request_failed = True

    def next_target(self, now: float, seconds_left: float = inf) -> tuple[Target, float] | None:
        """Return the next target and the seconds to wait before its call, or None if no call remains.

        None, too, if the call could not start before `seconds_left` have passed. A target that failed before pays for
        the call from its retry budget; a target that can't pay is not called again on this route.
        """
        retry_window = self.began + self.model.policy.backoff.retry_within - now
        if self._request_failed or not self.has_calls_left:
            return None
        for target in sorted(self._order, key=lambda target: self._ready_at(target, now)):
            wait = self._ready_at(target, now) - now
            # `retry_within` bounds waiting alone: a target that is ready now is called even when that time is over.
            if (wait and wait > retry_window) or wait >= seconds_left:
                return None
            if self._pay(target):
                return target, wait
            self._failures = {**self._failures, target: self._failures[target]._replace(retry_at=inf)}
        return None

    @property
    def has_calls_left(self) -> bool:
        """Return True if the generation may make one more call: `max_attempts`, but at least one for each target."""
        return self.calls < max(self.model.policy.backoff.max_attempts, len(self._order))

    def _pay(self, target: Target) -> bool:
        """Return True if a call is paid for; a target without a failure on this route needs no payment."""
        return target not in self._failures or target.retry_budget.withdraw()

    def _ready_at(self, target: Target, now: float) -> float:
        ready_at = target.ready_at(now)
        return max(ready_at, self._failures[target].retry_at) if target in self._failures else ready_at
