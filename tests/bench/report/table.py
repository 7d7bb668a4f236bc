"""The table that both the terminal and the page show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.compare import Ratio, ratio_of
from tests.bench.results import Results
from tests.bench.scenarios import CPU_PER_TOKEN, MEMORY, OTHERS, OURS, SCENARIOS, Metric, Scenario

NOTHING = "-"
PAIRS = tuple((ours, other) for other in OTHERS for ours in OURS)
"""Pairs of targets whose ratios are shown as columns."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: cells by target, ratios by pair of targets."""

    scenario: Scenario
    title: str
    metric: str
    cells: dict[str, str]
    ratios: dict[tuple[str, str], str]


def table_lines(results: Results) -> list[Line]:
    """Return the lines of all scenarios that were run."""
    return [line for scenario in SCENARIOS for line in _lines_of_scenario(results, scenario)]


def format_figure(value: float | None, metric: Metric) -> str:
    """Return a figure with its unit."""
    return NOTHING if value is None else f"{value:,.{metric.digits}f} {metric.unit}".rstrip()


def format_cell(results: Results, row: str, target: str, metric: Metric) -> str:
    """Return a figure of a row with its unit; "never" for a connection that was never closed."""
    value = results.figure(row, target, metric.name)
    if value is None and metric.name.startswith("close_") and results.figure(row, target, "never_closed"):
        return "never"
    return format_figure(value, metric)


def describe_noise(results: Results) -> str:
    """Return a description of how quiet the machine was."""
    rows = [row.medians for row in results.rows if row.runs]
    others = [row["others_cores"] for row in rows if "others_cores" in row]
    stolen = [row["stolen_cores"] for row in rows if "stolen_cores" in row]
    if not others:
        return "nothing was measured"
    middle = sorted(others)[len(others) // 2]
    return (
        f"other processes used {middle:.2f} cores in the median and {max(others):.2f} at most; "
        f"the host stole at most {max(stolen):.2f}"
    )


def _lines_of_scenario(results: Results, scenario: Scenario) -> Iterator[Line]:
    for name in scenario.rows:
        if not any(results.row(name, target) for target in scenario.targets):
            continue
        title = scenario.title if len(scenario.rows) == 1 else f"{scenario.title}, {name.rpartition('-')[2]} streams"
        for metric in scenario.metrics:
            yield Line(
                scenario,
                title,
                metric.title,
                {target: format_cell(results, name, target, metric) for target in results.targets},
                _ratios(results, scenario, name, metric),
            )
    yield from _own_ratios(results, scenario)


def _ratios(results: Results, scenario: Scenario, name: str, metric: Metric) -> dict[tuple[str, str], str]:
    if not metric.compared:
        return {}
    found = {}
    for ours, other in PAIRS:
        value = ratio_of(results, Ratio(name, metric.name, ours, other), scenario.compared_with or name)
        if value is not None:
            found[ours, other] = f"{value:.2f}"
    return found


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
    cells = {}
    for target in results.targets:
        over, under = results.figure(numerator, target, metric.name), results.figure(denominator, target, metric.name)
        cells[target] = f"{over / under:.2f}" if over is not None and under else NOTHING
    if any(cell != NOTHING for cell in cells.values()):
        yield Line(scenario, scenario.title, title, cells, {})
