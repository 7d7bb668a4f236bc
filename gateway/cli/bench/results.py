"""All that one run of the benchmark found, in the order in which it is shown. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.cli.bench.figures import Figures, figures, p50
from gateway.cli.bench.plan import Plan, Subject
from gateway.cli.bench.sample import Sample
from gateway.cli.bench.savings import Saving, Savings, savings

Samples = Mapping[str, Sequence[Sample]]
"""By label, in the order in which they ended."""


@dataclass(frozen=True, slots=True)
class Line:
    """A target and its figures."""

    subject: Subject
    figures: Figures
    saving: Saving
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Results:
    """A run. `taken`: when it ended, an ISO date and time. `interrupted`: somebody ended it early.

    `lines`: the cheapest request first; those whose cost is not known last, the quickest of them first.
    """

    taken: str
    plan: Plan
    lines: Sequence[Line]
    savings: Savings
    versions: Mapping[str, str]
    interrupted: bool = False

    @property
    def broken(self) -> bool:
        """Tell whether some target failed with every request."""
        return any(line.figures.requests and not line.figures.answered for line in self.lines)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is told of a run beside its figures."""

    taken: str
    versions: Mapping[str, str]
    interrupted: bool = False


def results(
    plan: Plan, samples: Samples, daily_tokens: int, baseline: str | None, circumstances: Circumstances
) -> Results:
    """Work everything out."""
    by_label = {one.label: figures(samples.get(one.label, ()), one.price) for one in plan.subjects}
    months = savings(by_label, daily_tokens, baseline)
    lines = [
        Line(one, by_label[one.label], months.by_label[one.label], samples.get(one.label, ())) for one in plan.subjects
    ]
    return Results(
        circumstances.taken,
        plan,
        sorted(lines, key=_place),
        months,
        circumstances.versions,
        circumstances.interrupted,
    )


def _place(line: Line) -> tuple[float, float]:
    cost, ttft = line.figures.cost, p50(line.figures.ttft)
    return math.inf if cost is None else cost, math.inf if ttft is None else ttft
