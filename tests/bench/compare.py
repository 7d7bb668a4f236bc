"""Set two results side by side by their ratios to the rivals of the same run. Pure.

Times of different machines, or of different hours, don't compare. How many times cheaper or dearer we are than another
server under the same load in the same minutes does, roughly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.bench.results import Results
from tests.bench.scenarios import OURS, RIVALS, SCENARIOS, Scenario

TOLERANCE = 0.25
"""How much worse a ratio may get before it counts: shared machines are noisy."""

Verdict = Literal["same", "better", "worse", "missing", "new"]


@dataclass(frozen=True, slots=True, order=True)
class Ratio:
    """What a ratio is of: one of our rows, a figure of it, and a rival."""

    row: str
    figure: str
    ours: str
    rival: str


@dataclass(frozen=True, slots=True)
class Change:
    """A ratio before and now; `share` is how much more (positive: worse) it is now."""

    ratio: Ratio
    before: float | None
    now: float | None
    verdict: Verdict

    @property
    def share(self) -> float | None:
        """The change, as a share of what it was."""
        return self.now / self.before - 1 if self.before and self.now is not None else None


def ratios(results: Results) -> dict[Ratio, float]:
    """Give all ratios that the results hold."""
    found: dict[Ratio, float] = {}
    for scenario in SCENARIOS:
        for name in scenario.rows:
            for ratio in _of_row(scenario, name):
                value = ratio_of(results, ratio, scenario.beside or name)
                if value is not None:
                    found[ratio] = value
    return found


def ratio_of(results: Results, ratio: Ratio, rivals_row: str) -> float | None:
    """Divide our figure by the rival's, if there are both."""
    ours = results.figure(ratio.row, ratio.ours, ratio.figure)
    rival = results.figure(rivals_row, ratio.rival, ratio.figure)
    return ours / rival if ours is not None and rival else None


def compare(before: Mapping[Ratio, float], now: Mapping[Ratio, float], tolerance: float = TOLERANCE) -> list[Change]:
    """Judge each ratio that either side has, in the order of the baseline, then the new ones."""
    return [
        Change(ratio, before.get(ratio), now.get(ratio), _judge(before.get(ratio), now.get(ratio), tolerance))
        for ratio in dict.fromkeys((*before, *now))
    ]


def _judge(before: float | None, now: float | None, tolerance: float) -> Verdict:
    if before is None:
        return "new"
    if now is None:
        return "missing"
    if now > before * (1 + tolerance):
        return "worse"
    return "better" if now * (1 + tolerance) < before else "same"


def _of_row(scenario: Scenario, name: str) -> list[Ratio]:
    return [
        Ratio(name, metric.name, ours, rival)
        for metric in scenario.metrics
        if metric.compared
        for ours in OURS
        if ours in scenario.targets
        for rival in RIVALS
    ]
