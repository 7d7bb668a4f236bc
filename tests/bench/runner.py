"""Runs of all scenarios, in turns: what else the machine does then affects all targets alike."""

import time
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from tests.bench.metric import CPU_PER_TOKEN
from tests.bench.outcome import faults, figures, start_figures
from tests.bench.processes import StartError
from tests.bench.results import Row
from tests.bench.scenarios import Scenario, Shape
from tests.bench.targets import Target
from tests.bench.testbed import LoadError, Testbed, start_testbed

Progress = Callable[[str], None]
"""Called with a description of each turn that starts."""

OpenTestbed = Callable[[Target, Scenario], AbstractContextManager[Testbed]]
"""Returns a context manager of the testbed for a turn."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One target's turn in one run of a scenario."""

    scenario: Scenario
    target: Target
    run: int


def turns(scenarios: Sequence[Scenario], targets: Sequence[Target], runs: int) -> list[Turn]:
    """Return all turns in order: the targets of a run follow one another."""
    return [
        Turn(scenario, target, run)
        for scenario in scenarios
        for run in range(runs)
        for target in targets
        if target.base in scenario.targets
    ]


def run(ordered: Sequence[Turn], progress: Progress, deadline: float, *, quick: bool = False) -> list[Row]:
    """Run all turns that can start before the deadline; return a row for each load on each target."""
    rows: dict[tuple[str, str], Row] = {}
    with _shared_testbeds() if quick else _fresh_testbeds() as open_testbed:
        for turn in ordered:
            if time.monotonic() > deadline:
                _row(rows, turn, turn.scenario.rows[0]).problems.append("not all runs: no time left")
                continue
            progress(f"{turn.scenario.title}: {turn.target.title}")
            _run_turn(turn, open_testbed, rows, quick=quick)
    return list(rows.values())


def _run_turn(turn: Turn, open_testbed: OpenTestbed, rows: dict[tuple[str, str], Row], *, quick: bool) -> None:
    scenario, target = turn.scenario, turn.target
    shapes = scenario.quick if quick else scenario.shapes
    try:
        with open_testbed(target, scenario) as bed:
            for shape in shapes:
                row = _row(rows, turn, scenario.row(shape))
                _measure(bed, target, shape.scaled(target.share), row)
                if shape.window and not quick and CPU_PER_TOKEN.name not in row.runs[-1]:
                    row.problems.append("not all streams ran while it was to be measured")
    except (StartError, LoadError, urllib.error.URLError) as error:
        _row(rows, turn, scenario.row(shapes[0])).problems.append(str(error))


def _row(rows: dict[tuple[str, str], Row], turn: Turn, name: str) -> Row:
    return rows.setdefault((name, turn.target.name), Row(turn.scenario.name, name, turn.target.name))


def _measure(bed: Testbed, target: Target, shape: Shape, row: Row) -> None:
    outcome, usage, provider_cpu = bed.run(target, shape)
    row.runs.append(figures(outcome, usage, provider_cpu) | start_figures(bed.server.start))
    row.problems.extend(faults(outcome, must_close=target.must_close))


@contextmanager
def _fresh_testbeds() -> Iterator[OpenTestbed]:
    """Start new processes for each turn: memory that one turn leaves behind does not affect the next."""

    @contextmanager
    def open_testbed(target: Target, scenario: Scenario) -> Iterator[Testbed]:
        with start_testbed(target, scenario.settings) as bed:
            bed.warm_up(target)
            time.sleep(0.2)
            yield bed

    yield open_testbed


@contextmanager
def _shared_testbeds() -> Iterator[OpenTestbed]:
    """Start each server once for each of its settings: fast, and sufficient where nothing is measured."""
    with ExitStack() as stack:
        started: dict[tuple[str, tuple[tuple[str, str], ...]], Testbed] = {}

        @contextmanager
        def open_testbed(target: Target, scenario: Scenario) -> Iterator[Testbed]:
            key = (target.server, tuple(sorted(scenario.settings.items())))
            if key not in started:
                started[key] = stack.enter_context(start_testbed(target, scenario.settings))
            yield started[key]

        yield open_testbed
