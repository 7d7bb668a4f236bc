"""Results of one run, in the order in which they are reported. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.cli.bench.output import RunInfo
from gateway.cli.bench.providers.figures import Figures, compute_figures, p50
from gateway.cli.bench.providers.plan import Plan, Subject
from gateway.cli.bench.providers.sample import Sample
from gateway.cli.bench.providers.savings import Saving, Savings, compute_savings

Samples = Mapping[str, Sequence[Sample]]
"""Samples by label, in the order in which the requests ended."""


@dataclass(frozen=True, slots=True)
class Line:
    """A target with its figures: one line of a table."""

    subject: Subject
    figures: Figures
    saving: Saving
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Results:
    """Results of a run. `taken`: its end, as date and time in UTC. `interrupted`: Ctrl-C ended it early.

    `lines`: by cost of a request, ascending; targets of unknown cost are last, by time to first token.
    """

    taken: str
    plan: Plan
    lines: Sequence[Line]
    savings: Savings
    versions: Mapping[str, str]
    interrupted: bool = False

    @property
    def broken(self) -> bool:
        """Return True if every request to some target failed."""
        return any(line.figures.requests and not line.figures.answered for line in self.lines)


def build_results(plan: Plan, samples: Samples, daily_tokens: int, baseline: str | None, info: RunInfo) -> Results:
    """Compute figures and savings of all targets, and sort them."""
    figures = {
        subject.label: compute_figures(samples.get(subject.label, ()), subject.price) for subject in plan.subjects
    }
    savings = compute_savings(figures, daily_tokens, baseline)
    lines = [
        Line(subject, figures[subject.label], savings.by_label[subject.label], samples.get(subject.label, ()))
        for subject in plan.subjects
    ]
    return Results(
        info.taken,
        plan,
        sorted(lines, key=_sort_key),
        savings,
        info.versions,
        info.interrupted,
    )


def _sort_key(line: Line) -> tuple[float, float]:
    cost, ttft = line.figures.cost, p50(line.figures.ttft)
    return math.inf if cost is None else cost, math.inf if ttft is None else ttft
