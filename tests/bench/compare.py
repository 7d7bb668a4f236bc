"""Comparison of two results by their ratios to other servers in the same run. Pure.

Times measured on different machines, or at different hours, can't be compared. The ratio to another server under the
same load in the same minutes can, roughly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.bench.results import Results
from tests.bench.scenarios import OTHERS, OURS, SCENARIOS, Scenario

TOLERANCE = 0.25
"""Relative increase of a ratio that is not yet worse: shared machines are noisy."""

Verdict = Literal["same", "better", "worse", "missing", "new"]


@dataclass(frozen=True, slots=True, order=True)
class Ratio:
    """The parts of a ratio: a row, a figure of it, our target and the other server."""

    row: str
    figure: str
    ours: str
    other: str


@dataclass(frozen=True, slots=True)
class Change:
    """A ratio before and now."""

    ratio: Ratio
    before: float | None
    now: float | None
    verdict: Verdict

    @property
    def relative(self) -> float | None:
        """Return the change relative to the ratio before; positive is worse."""
        return self.now / self.before - 1 if self.before and self.now is not None else None


def ratios(results: Results) -> dict[Ratio, float]:
    """Return all ratios that can be computed from the results."""
    found: dict[Ratio, float] = {}
    for scenario in SCENARIOS:
        for name in scenario.rows:
            for ratio in _ratios_of_row(scenario, name):
                value = ratio_of(results, ratio, scenario.compared_with or name)
                if value is not None:
                    found[ratio] = value
    return found


def ratio_of(results: Results, ratio: Ratio, other_row: str) -> float | None:
    """Return our figure divided by the other server's; None if one is missing or the other is 0."""
    ours = results.figure(ratio.row, ratio.ours, ratio.figure)
    other = results.figure(other_row, ratio.other, ratio.figure)
    return ours / other if ours is not None and other else None


def compare(before: Mapping[Ratio, float], now: Mapping[Ratio, float], tolerance: float = TOLERANCE) -> list[Change]:
    """Return the change of each ratio, in the order of the baseline, followed by new ones."""
    return [
        Change(ratio, before.get(ratio), now.get(ratio), _classify(before.get(ratio), now.get(ratio), tolerance))
        for ratio in dict.fromkeys((*before, *now))
    ]


def _classify(before: float | None, now: float | None, tolerance: float) -> Verdict:
    if before is None:
        return "new"
    if now is None:
        return "missing"
    if now > before * (1 + tolerance):
        return "worse"
    return "better" if now * (1 + tolerance) < before else "same"


def _ratios_of_row(scenario: Scenario, name: str) -> list[Ratio]:
    return [
        Ratio(name, metric.name, ours, other)
        for metric in scenario.metrics
        if metric.compared
        for ours in OURS
        if ours in scenario.targets
        for other in OTHERS
    ]
