"""A model as clients know it: its targets, the order to ask them in, and what to do when one fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import random as random_float
from typing import Literal

from gateway.routing.backoff import Backoff
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits

Routing = Literal["ordered", "weighted", "fastest"]
"""How targets are put in order: as they are listed, by chance with their weights, by their time to first content."""

EXPLORE = 0.05
"""How often `fastest` asks another one first, so that its estimates do not grow stale."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long to wait for a provider, and how often to ask. `chance` gives the jitter, from 0 up to 1.

    `hedge`: race a second target when none has brought content after so many seconds, or after the first one's own
    observed 95th percentile; None: never. `failover`: go on with another target when one dies in mid-answer.
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
    """A model by the name that clients use."""

    name: str
    targets: Sequence[Target]
    policy: Policy = field(default_factory=Policy)

    def order(self, now: float) -> Sequence[Target]:
        """Put the targets into the order in which an answer that begins now should ask them.

        Those whose provider asked to be left alone come last.
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
        return sorted(targets, key=lambda target: target.cooldown_until > now)

    def hedge_after(self, target: Target) -> float | None:
        """Give the seconds after which to race a second target; None if there is to be none."""
        if len(self.targets) < 2:
            return None
        return target.latency.p95 if self.policy.hedge == "p95" else self.policy.hedge


def _weighted(targets: list[Target], chance: Callable[[], float]) -> list[Target]:
    """Draw one after the other, each as likely as its share of the weight that is left."""
    left, drawn = list(targets), []
    while left:
        point = chance() * sum(target.weight for target in left)
        for target in left:
            point -= target.weight
            if point < 0:
                break
        else:
            # By rounding, or because all that is left weighs nothing.
            target = left[-1] if any(one.weight for one in left) else left[0]
        left.remove(target)
        drawn.append(target)
    return drawn


def _fastest(targets: list[Target], chance: Callable[[], float]) -> list[Target]:
    """Sort by the moving estimate; one that nothing is known of comes first, to be known, but for one that fails."""
    ordered = sorted(targets, key=lambda target: (target.failing, target.latency.mean or 0.0))
    if chance() < EXPLORE:
        explored = ordered.pop(min(len(ordered) - 1, 1 + int(chance() * (len(ordered) - 1))))
        ordered.insert(0, explored)
    return ordered
