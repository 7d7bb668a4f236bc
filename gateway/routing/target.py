"""A target: an upstream, the model's name there, its price, and the state that its calls share. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.billing.price_lookup import PublishedPrice, published_price
from gateway.billing.prices import Price
from gateway.log_throttle import LogThrottle
from gateway.protocol.errors import Code, Failed
from gateway.routing.breaker import Breaker, RetryBudget
from gateway.routing.latency import LatencyStats
from gateway.routing.watchdog import Limits
from gateway.upstreams.base import Upstream

BUSY_SECONDS = 1.0
"""Seconds after which to try a fully occupied target again, where no generation waits in its queue."""


@dataclass(slots=True, eq=False)
class Target:
    """One upstream that can serve a model.

    `model` is the model's name at the upstream; None passes on the name that the client requested. If `price` is None,
    the published one of `vendor` applies. `limits` holds the time limits of one call. `max_concurrent` bounds the
    calls that run at once; 0 means no limit.
    """

    upstream: Upstream
    model: str | None = None
    weight: float = 1.0
    price: Price | None = None
    vendor: str = ""
    limits: Limits = field(default_factory=Limits)
    max_concurrent: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    latency: LatencyStats = field(default_factory=LatencyStats)
    cooldown_until: float = field(init=False, default=0.0)
    """End of the pause that the provider asked for (`Retry-After` of a 429)."""
    running: int = field(init=False, default=0)
    calls: int = field(init=False, default=0)
    failed: int = field(init=False, default=0)
    """Number of failed calls, out of `calls`."""
    failing: bool = field(init=False, default=False)
    """The last call failed before its content, and not because of the request."""
    account_log: LogThrottle = field(init=False, default_factory=LogThrottle)
    """Throttle of the log for refusals of our key or account."""
    _waiters: OrderedDict[Callable[[], None], None] = field(init=False, default_factory=OrderedDict)

    @property
    def name(self) -> str:
        """Return the provider's name, as events show it to clients."""
        return self.upstream.name

    def upstream_model(self, requested: str) -> str:
        """Return the model's name at this upstream, for the name that the client requested."""
        return self.model or requested

    def price_of(self, requested: str) -> Price | None:
        """Return the price of the requested model at this upstream, or None if it is unknown."""
        if self.price is not None:
            return self.price
        published = published_price(self.vendor, self.model or requested)
        return None if published is None else published.price

    def published_price(self, requested: str) -> PublishedPrice | None:
        """Return the published price of the requested model at this upstream, or None."""
        return published_price(self.vendor, self.model or requested)

    @property
    def is_full(self) -> bool:
        """Return True if `max_concurrent` calls are running."""
        return bool(self.max_concurrent) and self.running >= self.max_concurrent

    @property
    def waiting(self) -> int:
        """Return the number of waiters."""
        return len(self._waiters)

    def ready_at(self, now: float) -> float:
        """Return the earliest time at which a call may be admitted, as far as is known now."""
        return now + BUSY_SECONDS if self.is_full else self.breaker.ready_at(now)

    def admit(self, now: float) -> bool:
        """Admit a call, which the caller must `release` exactly once. Return True if it is a probe of the breaker.

        Raises:
            Failed: the circuit is open, or `max_concurrent` calls are running.
        """
        if self.is_full:
            message = f"All {self.max_concurrent} calls that this provider may have at once are in use."
            raise Failed(Code.RATE_LIMIT, message)
        probe = self.breaker.admit(now)
        self.running += 1
        self.calls += 1
        return probe

    def release(self) -> None:
        """Count an admitted call as ended, and wake the first waiter."""
        self.running -= 1
        self._wake_first()

    def stats(self, now: float) -> dict[str, object]:
        """Return the figures of `GET /api/stats`; `ttft_ms` is the moving mean, None before any content."""
        mean = self.latency.mean
        return {
            "provider": self.name,
            "running": self.running,
            "calls": self.calls,
            "failed": self.failed,
            "circuit": self.breaker.circuit(now).value,
            "ttft_ms": None if mean is None else round(mean * 1000, 1),
        }

    def add_waiter(self, wake: Callable[[], None]) -> int:
        """Append to the queue of waiters, and return the position there, from 1 on.

        `wake` is called when a call might be admitted, until `remove_waiter`.
        """
        self._waiters[wake] = None
        return len(self._waiters)

    def remove_waiter(self, wake: Callable[[], None]) -> None:
        """Remove a waiter, and wake the new first one if a call might still be admitted.

        A waiter that was woken and left without a call would otherwise leave the free slot unnoticed (a lost wakeup).
        """
        del self._waiters[wake]
        self._wake_first()

    def _wake_first(self) -> None:
        # The first one alone, in order of arrival: it stays in the queue until it removes itself.
        if self._waiters and not self.is_full:
            next(iter(self._waiters))()
