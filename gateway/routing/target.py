"""A target: one upstream, the name a model has there, what a call of it costs, and what is remembered of its calls."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.billing.prices import Price, known_price
from gateway.protocol.errors import Code, Failed
from gateway.routing.breaker import Breaker, RetryBudget
from gateway.routing.latency import LatencyStats
from gateway.routing.watchdog import Limits
from gateway.upstreams.base import Upstream

BUSY_SECONDS = 1.0
"""When to ask a target again all of whose calls are taken, where nobody waits for one."""


@dataclass(slots=True, eq=False)
class Target:
    """One upstream that a model may be asked of.

    `model` is the model's name there; None is the name that the client gave. `price` None is looked up by `preset`.
    `limits` holds the times of one call. `max_concurrent` bounds the calls at once; 0 means no limit.
    """

    upstream: Upstream
    model: str | None = None
    weight: float = 1.0
    price: Price | None = None
    preset: str = ""
    limits: Limits = field(default_factory=Limits)
    max_concurrent: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    latency: LatencyStats = field(default_factory=LatencyStats)
    cooldown_until: float = field(init=False, default=0.0)
    """Until when its provider asked to be left alone."""
    running: int = field(init=False, default=0)
    calls: int = field(init=False, default=0)
    failed: int = field(init=False, default=0)
    """Of its calls, those that did."""
    failing: bool = field(init=False, default=False)
    """Its last call failed without content, by its own fault."""
    _waiting: deque[Callable[[], None]] = field(init=False, default_factory=deque)

    @property
    def name(self) -> str:
        """Give the provider's name, as clients are shown it."""
        return self.upstream.name

    def upstream_model(self, asked: str) -> str:
        """Give the model's name here, for one that a client asked for."""
        return self.model or asked

    def price_of(self, asked: str) -> Price | None:
        """Give what tokens cost here; None if nobody told."""
        return self.price or known_price(self.preset, self.upstream_model(asked))

    @property
    def is_full(self) -> bool:
        """Tell whether all calls that it may have at once are taken."""
        return bool(self.max_concurrent) and self.running >= self.max_concurrent

    def ready_at(self, now: float) -> float:
        """Give the time from which it would take a call, as far as can be told."""
        return now + BUSY_SECONDS if self.is_full else self.breaker.ready_at(now)

    def admit(self, now: float) -> bool:
        """Let a call through, which the caller must `release` once; tell whether it is a probe of the breaker's.

        Raises:
            Failed: while the breaker leaves it alone, or all calls that it may have are taken.
        """
        if self.is_full:
            message = f"All {self.max_concurrent} calls that this provider may have at once are taken."
            raise Failed(Code.RATE_LIMIT, message)
        probe = self.breaker.admit(now)
        self.running += 1
        self.calls += 1
        return probe

    def release(self) -> None:
        """Count a call that was let through as over, and wake who waits longest for it."""
        self.running -= 1
        self._pass_on()

    def stats(self, asked: str, now: float) -> dict[str, object]:
        """Tell how it does, as `GET /api/stats` shows it; `ttft_ms` is the moving mean, None before any content."""
        mean = self.latency.mean
        return {
            "provider": self.name,
            "upstream_model": self.upstream_model(asked),
            "running": self.running,
            "calls": self.calls,
            "failed": self.failed,
            "circuit": self.breaker.circuit(now).value,
            "ttft_ms": None if mean is None else round(mean * 1000, 1),
        }

    def add_waiter(self, wake: Callable[[], None]) -> int:
        """Have `wake` called when there may be room, until it leaves; give its place in the queue, from 1 on."""
        self._waiting.append(wake)
        return len(self._waiting)

    def remove_waiter(self, wake: Callable[[], None]) -> None:
        """Wait no more; the room that it was woken for and did not take is the next one's."""
        self._waiting.remove(wake)
        self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting and not self.is_full:
            self._waiting[0]()
