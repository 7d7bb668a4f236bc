"""Run the scenarios, and write the results and their page."""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.bench.commands.files import RESULTS, open_console
from tests.bench.machine import machine, versions
from tests.bench.open_files import raise_open_files
from tests.bench.report.page import page
from tests.bench.report.terminal import progress, show, show_problems, show_skipped
from tests.bench.results import Results, Row, dump
from tests.bench.revisions import find_revision
from tests.bench.runner import Turn, run, turns
from tests.bench.scenarios import ALL, OURS, SCENARIOS, Scenario
from tests.bench.targets import TARGETS, Target, targets_against, title_of

SCENARIO_NAMES = [scenario.name for scenario in SCENARIOS]
REQUIRED_FILES = 2 * 2000 + 200
"""Open files that the largest load needs: two connections for each stream."""


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code."""
    options = _options(arguments)
    console = open_console()
    if sys.platform != "linux":
        console.print("The benchmark reads /proc, so it runs on Linux only.", style="red")
        return 2
    _check_open_files(console, quick=options.quick)
    scenarios = [each for each in SCENARIOS if options.scenario is None or each.name in options.scenario]
    chosen = options.only or (OURS if options.quick else ALL)
    with console.status("Looking for installed servers; Express is installed by npm the first time"):
        skipped = {name: reason for name in chosen if (reason := TARGETS[name].missing())}
    targets = _targets([name for name in chosen if name not in skipped], options.against)
    ordered = turns(scenarios, targets, 1 if options.quick else options.runs)
    if not ordered:
        reasons = "".join(f"; {title_of(name)}: {reason}" for name, reason in skipped.items())
        console.print(f"None of the chosen loads can run{reasons}.", style="red", markup=False)
        return 2
    results = _measure(ordered, console, skipped, options)
    if options.quick:
        return _report_faults(console, results, scenarios, targets)
    show(console, results)
    for file, text in ((options.json, dump(results)), (options.html, page(results))):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        console.print(f"Written: {file}", highlight=False)
    return 1 if _faulty(results) else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the cost of streaming.")
    parser.add_argument("--runs", type=_at_least_one, default=3, help="runs of each scenario (default %(default)s)")
    parser.add_argument(
        "--scenario",
        type=_names_of(SCENARIO_NAMES),
        help="run only these (a,b)",
    )
    parser.add_argument("--only", type=_names_of(ALL), help=f"run only these of {', '.join(ALL)}")
    parser.add_argument(
        "--against",
        metavar="REVISION",
        help="measure the gateway of this revision (or checkout) in turns with this one",
    )
    parser.add_argument("--minutes", type=float, help="start no run after this time (default 30; with --against 60)")
    parser.add_argument("--quick", action="store_true", help="run small loads that only look for faults")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="default %(default)s")
    parser.add_argument(
        "--html", type=Path, default=RESULTS.with_suffix(".html"), metavar="FILE", help="default %(default)s"
    )
    return parser.parse_args(arguments)


def _targets(names: Sequence[str], against: str | None) -> list[Target]:
    """Return the targets, each of ours followed by the same one of the other revision, if there is one."""
    if against is None:
        return [TARGETS[name] for name in names]
    revision = find_revision(against)
    other = targets_against(revision.checkout, revision.name)
    return [target for name in names for target in (TARGETS[name], other.get(name)) if target is not None]


def _measure(
    ordered: Sequence[Turn], console: Console, skipped: dict[str, str], options: argparse.Namespace
) -> Results:
    started = time.monotonic()
    taken = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    description = machine()
    with progress(console, len(ordered)) as on_start:
        rows = run(
            ordered, on_start, started + 60 * (options.minutes or (60 if options.against else 30)), quick=options.quick
        )
    runs = max((turn.run + 1 for turn in ordered), default=0)
    return Results(taken, description, versions(), runs, time.monotonic() - started, rows, skipped)


def _report_faults(console: Console, results: Results, scenarios: Sequence[Scenario], targets: Sequence[Target]) -> int:
    show_skipped(console, results)
    show_problems(console, results)
    faulty = _faulty(results)
    tokens = sum(figures.get("tokens", 0) for row in results.rows for figures in row.runs)
    summary = f"{len(results.rows) - len(faulty)} of {len(results.rows)} loads without a fault"
    names = ", ".join(target.title for target in targets)
    console.print(
        f"{summary}: {len(scenarios)} scenarios, {names}, {tokens:,.0f} tokens in {results.seconds:.0f} s",
        style="red" if faulty else "green",
        highlight=False,
    )
    return 1 if faulty else 0


def _faulty(results: Results) -> list[Row]:
    """Return our rows that have problems. Those of other servers and revisions do not fail the run."""
    return [row for row in results.rows if row.problems and row.target in OURS]


def _check_open_files(console: Console, *, quick: bool) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    now = raise_open_files()
    if now > before:
        console.print(f"Raised the limit of open files from {before} to {now}.", style="dim", highlight=False)
    if now < REQUIRED_FILES and not quick:
        console.print(
            f"At most {now} files may be open, and the largest load needs {REQUIRED_FILES}: some requests will fail. "
            f"Raise it: ulimit -Hn {REQUIRED_FILES}, as root.",
            style="yellow",
            highlight=False,
        )


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "at least 1"
        raise argparse.ArgumentTypeError(message)
    return number


def _names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        unknown = [name for name in names if name not in known]
        if unknown:
            message = f"{unknown[0]!r} is not one of {', '.join(known)}"
            raise argparse.ArgumentTypeError(message)
        return names

    return parse
