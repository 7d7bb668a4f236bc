"""The one table that terminal and page show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.compare import Ratio, ratio_of
from tests.bench.results import Results
from tests.bench.scenarios import CPU_PER_TOKEN, MEMORY, OURS, RIVALS, SCENARIOS, Metric, Scenario

NOTHING = "-"
PAIRS = tuple((ours, rival) for rival in RIVALS for ours in OURS)
"""What is set beside what, as columns."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: cells by target, ratios by pair of targets."""

    scenario: Scenario
    title: str
    metric: str
    cells: dict[str, str]
    ratios: dict[tuple[str, str], str]


def lines(results: Results) -> list[Line]:
    """Give the lines of all scenarios that were played."""
    return [line for scenario in SCENARIOS for line in _of_scenario(results, scenario)]


def shown(value: float | None, metric: Metric) -> str:
    """Write a figure with its unit."""
    return NOTHING if value is None else f"{value:,.{metric.digits}f} {metric.unit}".rstrip()


def cell(results: Results, row: str, target: str, metric: Metric) -> str:
    """Write a figure; a close that nobody ever saw took for ever."""
    value = results.figure(row, target, metric.name)
    if value is None and metric.name.startswith("close_") and results.figure(row, target, "never_closed"):
        return "never"
    return shown(value, metric)


def noise(results: Results) -> str:
    """Say how quiet the machine was."""
    rows = [row.medians for row in results.rows if row.runs]
    others = [row["others_cores"] for row in rows if "others_cores" in row]
    stolen = [row["stolen_cores"] for row in rows if "stolen_cores" in row]
    if not others:
        return "nothing was measured"
    middle = sorted(others)[len(others) // 2]
    return (
        f"others used {middle:.2f} cores in the middle and {max(others):.2f} at worst; "
        f"the host took {max(stolen):.2f} at worst"
    )


def _of_scenario(results: Results, scenario: Scenario) -> Iterator[Line]:
    for name in scenario.rows:
        if not any(results.row(name, target) for target in scenario.targets):
            continue
        title = scenario.title if len(scenario.rows) == 1 else f"{scenario.title}, {name.rpartition('-')[2]} streams"
        for metric in scenario.metrics:
            yield Line(
                scenario,
                title,
                metric.title,
                {target: cell(results, name, target, metric) for target in results.targets},
                _ratios(results, scenario, name, metric),
            )
    yield from _beside_ourselves(results, scenario)


def _ratios(results: Results, scenario: Scenario, name: str, metric: Metric) -> dict[tuple[str, str], str]:
    if not metric.compared:
        return {}
    found = {}
    for ours, rival in PAIRS:
        value = ratio_of(results, Ratio(name, metric.name, ours, rival), scenario.beside or name)
        if value is not None:
            found[ours, rival] = f"{value:.2f}"
    return found


def _beside_ourselves(results: Results, scenario: Scenario) -> Iterator[Line]:
    """Add what is a ratio of two of a target's own figures."""
    if scenario.name == "fan-out":
        yield from _own(
            results, scenario, "CPU per viewer's event ÷ per paced token", CPU_PER_TOKEN, "fan-out", "paced-500"
        )
    if scenario.name == "growth":
        first, last = scenario.rows[0], scenario.rows[-1]
        yield from _own(results, scenario, "CPU per token, most streams ÷ fewest", CPU_PER_TOKEN, last, first)
        yield from _own(results, scenario, "memory, most streams ÷ fewest", MEMORY, last, first)


def _own(results: Results, scenario: Scenario, title: str, metric: Metric, above: str, below: str) -> Iterator[Line]:
    cells = {}
    for target in results.targets:
        over, under = results.figure(above, target, metric.name), results.figure(below, target, metric.name)
        cells[target] = f"{over / under:.2f}" if over is not None and under else NOTHING
    if any(cell != NOTHING for cell in cells.values()):
        yield Line(scenario, scenario.title, title, cells, {})
