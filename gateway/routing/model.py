"""A model under the name that clients use: its targets, their order, and the policy for failures. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import random as random_float
from typing import Literal

from gateway.routing.backoff import Backoff
from gateway.routing.start_defaults import StartDefaults
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits

Routing = Literal["ordered", "weighted", "fastest"]
"""How targets are ordered: as listed, at random by weight, or by mean time to first content."""

EXPLORATION_RATE = 0.05
"""Share of generations for which `fastest` tries another target first, so that no estimate becomes stale."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Time limits, retries and routing of a model.

    `hedge` starts a second target when the first one has sent no content after this many seconds, or after its own 95th
    percentile (`p95`); None disables hedging. With `failover`, another target continues an answer whose target failed
    in the middle. `random` returns numbers from 0 up to 1, for jitter, weights and exploration.
    """

    limits: Limits = field(default_factory=Limits)
    backoff: Backoff = field(default_factory=Backoff)
    routing: Routing = "ordered"
    hedge: float | Literal["p95"] | None = None
    failover: bool = False
    max_output_tokens: int | None = None
    random: Callable[[], float] = random_float


@dataclass(slots=True, eq=False)
class Model:
    """A model under the name that clients use."""

    name: str
    targets: Sequence[Target]
    policy: Policy = field(default_factory=Policy)
    defaults: StartDefaults = field(default_factory=StartDefaults)
    """What it adds to the starts of pages."""

    def order(self, now: float) -> Sequence[Target]:
        """Return the targets in the order in which a generation that starts at `now` should call them.

        Targets whose provider asked for a pause (`Target.cooldown_until`) come last.
        """
        if len(self.targets) == 1:
            return self.targets
        targets = list(self.targets)
        match self.policy.routing:
            case "weighted":
                targets = _weighted(targets, self.policy.random)
            case "fastest":
                targets = _fastest(targets, self.policy.random)
            case "ordered":
                pass
        # The sort is stable: within each group the order stays.
        return sorted(targets, key=lambda target: target.cooldown_until > now)

    def hedge_after(self, target: Target) -> float | None:
        """Return the seconds after which to start a second target beside this one, or None to start none."""
        if len(self.targets) < 2:
            return None
        return target.latency.p95 if self.policy.hedge == "p95" else self.policy.hedge


def _weighted(targets: list[Target], random: Callable[[], float]) -> list[Target]:
    """Draw targets without replacement, each with a probability of its share of the remaining weight."""
    remaining, drawn = list(targets), []
    while remaining:
        point = random() * sum(target.weight for target in remaining)
        for target in remaining:
            point -= target.weight
            if point < 0:
                break
        else:
            # `point` ended at 0 by rounding, or because all remaining weights are 0: those keep their listed order.
            target = remaining[-1] if any(other.weight for other in remaining) else remaining[0]
        remaining.remove(target)
        drawn.append(target)
    return drawn


def _fastest(targets: list[Target], random: Callable[[], float]) -> list[Target]:
    """Sort by mean time to first content: failing targets last, those without a sample first, to get one."""
    ordered = sorted(targets, key=lambda target: (target.failing, target.latency.mean or 0.0))
    if random() < EXPLORATION_RATE:
        explored = ordered.pop(min(len(ordered) - 1, 1 + int(random() * (len(ordered) - 1))))
        ordered.insert(0, explored)
    return ordered
