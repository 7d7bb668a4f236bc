"""Circuit breakers and pauses of providers, for all replicas: each reports what it has found out itself. Pure.

It is sent with the renewal of the lease, and read with the next one of the others: after at most two of them all know.
The newest finding counts. What a gateway knows from others it does not report again, so that no finding outlives its
source.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.replicas.membership.info import CircuitReport, ReplicaInfo
from gateway.routing.breaker import Opening
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target

CLOSED_SECONDS: Final = 60.0
"""How long it is reported that a circuit has closed."""

MAX_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True)
class _Finding:
    """The state of a circuit when it was looked at last, and when that was found out."""

    opening: Opening | None = None
    at: float = -inf
    number: int = 0
    is_own: bool = False


class Circuits:
    """The circuits of this gateway's targets, as it knows them. `models` returns those that are served now."""

    def __init__(self, models: Callable[[], ModelRegistry]) -> None:
        self._models = models
        self._found: dict[str, _Finding] = {}
        self._seen: dict[tuple[str, str], int] = {}
        """The number of the last report of a gateway about a target."""
        self._pauses: dict[str, float] = {}
        """Pauses that other gateways were asked for, by target: when they end."""

    def report(self, now: float) -> ReplicaInfo:
        """Return what this gateway has found out itself."""
        targets = targets_by_name(self._models())
        for name, target in targets.items():
            self._look_at(name, target, now)
        circuits = {name: _report(found, now) for name, found in self._found.items() if _is_reported(found, now)}
        pauses = {
            name: target.cooldown_until - now
            for name, target in targets.items()
            if target.cooldown_until > now and target.cooldown_until != self._pauses.get(name)
        }
        return ReplicaInfo(circuits, pauses)

    def apply(self, others: Mapping[str, ReplicaInfo], now: float) -> None:
        """Adopt what other gateways have found out since, by their ids."""
        targets = targets_by_name(self._models())
        for replica, info in others.items():
            for name, report in info.circuits.items():
                if name in targets and self._seen.get((replica, name)) != report.number:
                    self._seen[replica, name] = report.number
                    self._adopt(name, targets[name], report, now)
            for name, seconds in info.pauses.items():
                if name in targets and now + seconds > targets[name].cooldown_until:
                    targets[name].cooldown_until = self._pauses[name] = now + seconds
        self._seen = {key: number for key, number in self._seen.items() if key[0] in others}

    def _look_at(self, name: str, target: Target, now: float) -> None:
        found, opening = self._found.get(name, _Finding()), target.breaker.opening
        if opening != found.opening:
            self._found[name] = _Finding(opening, now, found.number + 1, is_own=True)

    def _adopt(self, name: str, target: Target, report: CircuitReport, now: float) -> None:
        self._look_at(name, target, now)
        found, at = self._found.get(name, _Finding()), now - report.age
        if at <= found.at:
            return
        opened = report.open_for is not None
        opening = Opening(now + (report.open_for or 0.0), report.cooldown, report.message) if opened else None
        target.breaker.adopt(opening)
        self._found[name] = _Finding(target.breaker.opening, at, found.number)


def targets_by_name(models: ModelRegistry) -> dict[str, Target]:
    """Return all targets by names that are the same on gateways with the same configuration."""
    found: dict[str, Target] = {}
    listed = [(model.name, target) for model in models.by_name.values() for target in model.targets]
    for model, target in [*listed, *(("", target) for target in models.unlisted_targets)]:
        name = f"{model}/{target.name}/{target.model or ''}"
        while name in found:
            name += "'"
        found[name] = target
    return found


def _is_reported(found: _Finding, now: float) -> bool:
    return found.is_own and (found.opening is not None or now - found.at < CLOSED_SECONDS)


def _report(found: _Finding, now: float) -> CircuitReport:
    opening, age = found.opening, now - found.at
    if opening is None:
        return CircuitReport(found.number, age)
    open_for = max(0.0, opening.until - now)
    return CircuitReport(found.number, age, open_for, opening.cooldown, opening.message[:MAX_MESSAGE])
