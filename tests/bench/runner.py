"""Play scenarios in turns, so that what else the machine does meets all targets alike."""

import time
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from tests.bench.judge import faults, figures
from tests.bench.processes import StartError
from tests.bench.results import Row
from tests.bench.scenarios import Scenario, Shape
from tests.bench.stage import LoadError, Stage, stage
from tests.bench.targets import Target

Progress = Callable[[str], None]
"""Told what begins."""

Staging = Callable[[Target, Scenario], AbstractContextManager[Stage]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One target's turn in one run of a scenario."""

    scenario: Scenario
    target: Target
    run: int


def turns(scenarios: Sequence[Scenario], targets: Sequence[Target], runs: int) -> list[Turn]:
    """Put all turns in order: the targets of a run side by side."""
    return [
        Turn(scenario, target, run)
        for scenario in scenarios
        for run in range(runs)
        for target in targets
        if target.name in scenario.targets
    ]


def play(ordered: Sequence[Turn], progress: Progress, deadline: float, *, quick: bool = False) -> list[Row]:
    """Play all turns that can begin until the deadline, and give a row for each load at each target."""
    rows: dict[tuple[str, str], Row] = {}
    with _shared_stages() if quick else _fresh_stages() as staging:
        for turn in ordered:
            if time.monotonic() > deadline:
                _row(rows, turn, turn.scenario.rows[0]).problems.append("not all runs: the time was over")
                continue
            progress(f"{turn.scenario.title}: {turn.target.title}")
            _play(turn, staging, rows, quick=quick)
    return list(rows.values())


def _play(turn: Turn, staging: Staging, rows: dict[tuple[str, str], Row], *, quick: bool) -> None:
    scenario, target = turn.scenario, turn.target
    shapes = scenario.quick if quick else scenario.shapes
    try:
        with staging(target, scenario) as stage:
            for shape in shapes:
                _measure(stage, target, shape, _row(rows, turn, scenario.row(shape)))
    except (StartError, LoadError, urllib.error.URLError) as error:
        _row(rows, turn, scenario.row(shapes[0])).problems.append(str(error))


def _row(rows: dict[tuple[str, str], Row], turn: Turn, name: str) -> Row:
    return rows.setdefault((name, turn.target.name), Row(turn.scenario.name, name, turn.target.name))


def _measure(stage: Stage, target: Target, shape: Shape, row: Row) -> None:
    outcome, usage, provider_cpu = stage.play(target, shape)
    row.runs.append(figures(outcome, usage, provider_cpu))
    row.problems.extend(faults(outcome, must_close=target.must_close))


@contextmanager
def _fresh_stages() -> Iterator[Staging]:
    """Give each turn processes of its own: what one left behind, as memory, is not another's."""

    @contextmanager
    def staging(target: Target, scenario: Scenario) -> Iterator[Stage]:
        with stage(target, scenario.settings) as fresh:
            fresh.warm(target)
            time.sleep(0.2)
            yield fresh

    yield staging


@contextmanager
def _shared_stages() -> Iterator[Staging]:
    """Start each server once for each of its settings: quick, and good enough where nothing is timed."""
    with ExitStack() as open_stages:
        started: dict[tuple[str, tuple[tuple[str, str], ...]], Stage] = {}

        @contextmanager
        def staging(target: Target, scenario: Scenario) -> Iterator[Stage]:
            key = (target.server, tuple(sorted(scenario.settings.items())))
            if key not in started:
                started[key] = open_stages.enter_context(stage(target, scenario.settings))
            yield started[key]

        yield staging
