"""The figures that both the terminal and the page show, a line for each. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.bench.compare import Ratio, ratio_of
from tests.bench.metric import CPU_PER_TOKEN, MEMORY, Metric
from tests.bench.results import Results
from tests.bench.scenarios import OTHERS, OURS, SCENARIOS, Scenario
from tests.bench.targets import AGAINST, title_of

NOTHING = "-"
REFERENCES = (*OTHERS, "sse")
"""Targets whose figures the others are divided by."""

BEFORE = "before"
"""Stands for the same target of another revision."""


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of a target: the median of its runs, the lowest and the highest; its ratios to those of references."""

    scenario: Scenario
    title: str
    metric: str
    target: str
    median: str
    spread: str
    ratios: Mapping[str, str]


def table_lines(results: Results) -> list[Line]:
    """Return the lines of all scenarios that were run."""
    return [line for scenario in SCENARIOS for line in _lines_of_scenario(results, scenario)]


def references(results: Results) -> list[str]:
    """Return the references that were measured."""
    against = [BEFORE] if any(AGAINST in target for target in results.targets) else []
    return [*(name for name in REFERENCES if name in results.targets), *against]


def reference_title(name: str) -> str:
    """Return the title of a reference."""
    return name if name == BEFORE else title_of(name)


def format_figure(value: float | None, metric: Metric) -> str:
    """Return a figure with its unit."""
    return NOTHING if value is None else f"{value:,.{metric.digits}f} {metric.unit}".rstrip()


def format_cell(results: Results, row: str, target: str, metric: Metric) -> str:
    """Return a figure of a row with its unit; "never" for a connection that was never closed."""
    value = results.figure(row, target, metric.name)
    if value is None and metric.name.startswith("close_") and results.figure(row, target, "never_closed"):
        return "never"
    return format_figure(value, metric)


def format_spread(results: Results, row: str, target: str, metric: Metric) -> str:
    """Return the lowest and the highest value of the runs; of a single run, nothing."""
    found = results.row(row, target)
    values = [run[metric.name] for run in found.runs if metric.name in run] if found else []
    if len(values) < 2:
        return ""
    return f"{min(values):,.{metric.digits}f} to {max(values):,.{metric.digits}f}"


def describe_noise(results: Results) -> str:
    """Return a description of how quiet the machine was."""
    rows = [(row, row.medians) for row in results.rows if "others_cores" in row.medians]
    if not rows:
        return "nothing was measured"
    others = sorted(figures["others_cores"] for _, figures in rows)
    loudest, figures = max(rows, key=lambda found: found[1]["others_cores"])
    stolen = max(figures["stolen_cores"] for _, figures in rows)
    return (
        f"other processes used {others[len(others) // 2]:.2f} cores in the median row and "
        f"{figures['others_cores']:.2f} in the worst ({loudest.name}, {title_of(loudest.target)}); "
        f"the host stole at most {stolen:.2f}"
    )


def _lines_of_scenario(results: Results, scenario: Scenario) -> Iterator[Line]:
    for name in scenario.rows:
        title = scenario.title if len(scenario.rows) == 1 else f"{scenario.title}, {name.rpartition('-')[2]} streams"
        for metric in scenario.metrics:
            for target in results.targets:
                median = format_cell(results, name, target, metric)
                if median != NOTHING:
                    spread = format_spread(results, name, target, metric)
                    ratios = _ratios(results, scenario, name, metric, target)
                    yield Line(scenario, title, metric.title, target, median, spread, ratios)
    yield from _own_ratios(results, scenario)


def _ratios(results: Results, scenario: Scenario, name: str, metric: Metric, target: str) -> dict[str, str]:
    found = {}
    for reference in references(results) if metric.compared else [BEFORE]:
        other = _compared_target(results, target, reference)
        other_row = scenario.compared_with or name if reference in OTHERS else name
        value = ratio_of(results, Ratio(name, metric.name, target, other), other_row)
        if value is not None and other != target:
            found[reference] = f"{value:.2f}"
    return found


def _compared_target(results: Results, target: str, reference: str) -> str:
    """Return the target that a reference stands for, compared with this one; an empty string if there is none."""
    base, at, revision = target.partition(AGAINST)
    if reference == BEFORE:
        return next((other for other in results.targets if other.startswith(f"{target}{AGAINST}")), "")
    if reference in OTHERS:
        return reference
    # Our own targets are compared within a revision.
    return f"{reference}{at}{revision}" if base in OURS else ""


def _own_ratios(results: Results, scenario: Scenario) -> Iterator[Line]:
    """Yield ratios of two figures of the same target."""
    if scenario.name == "fan-out":
        yield from _own_ratio(
            results, scenario, "CPU per viewer and event ÷ per paced token", CPU_PER_TOKEN, "fan-out", "paced-500"
        )
    if scenario.name == "growth":
        first, last = scenario.rows[0], scenario.rows[-1]
        yield from _own_ratio(results, scenario, "CPU per token, most streams ÷ fewest", CPU_PER_TOKEN, last, first)
        yield from _own_ratio(results, scenario, "memory, most streams ÷ fewest", MEMORY, last, first)


def _own_ratio(
    results: Results, scenario: Scenario, title: str, metric: Metric, numerator: str, denominator: str
) -> Iterator[Line]:
    for target in results.targets:
        over, under = results.figure(numerator, target, metric.name), results.figure(denominator, target, metric.name)
        if over is not None and under:
            yield Line(scenario, scenario.title, title, target, f"{over / under:.2f}", "", {})
