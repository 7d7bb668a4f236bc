"""Run the benchmark, or compare its results with earlier ones: `python -m tests.bench [compare]`."""

import argparse
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.bench.compare import TOLERANCE, compare, ratios
from tests.bench.limits import raise_open_files
from tests.bench.machine import machine, versions
from tests.bench.processes import CHECKOUT
from tests.bench.report.page import page
from tests.bench.report.terminal import progress, show, show_changes, show_problems
from tests.bench.results import Results, Row, UnreadableError, dump, load
from tests.bench.runner import Turn, play, turns
from tests.bench.scenarios import ALL, OURS, SCENARIOS, Scenario
from tests.bench.targets import TARGETS, Target

RESULTS = CHECKOUT / "build" / "bench" / "results.json"
BASELINE = CHECKOUT / "docs" / "bench" / "baseline.json"
ENOUGH_FILES = 2 * 2000 + 200
"""Open files that the most streams take."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for and give the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # As Ctrl-C does: the processes that we started must end with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _compare(_compare_options(words[1:])) if words[:1] == ["compare"] else _run(_run_options(words))
    except KeyboardInterrupt:
        print("\nStopped; all that was started is ended.", file=sys.stderr)
        return 130
    except UnreadableError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _run_options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=_at_least_one, default=3, help="runs of each scenario (default %(default)s)")
    parser.add_argument("--scenario", type=_names_of([one.name for one in SCENARIOS]), help="only these, by commas")
    parser.add_argument("--only", type=_names_of(ALL), help=f"only these of {', '.join(ALL)}")
    parser.add_argument("--minutes", type=float, default=20, help="begin nothing after that (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small loads that look for faults and time nothing")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="default %(default)s")
    parser.add_argument(
        "--html", type=Path, default=RESULTS.with_suffix(".html"), metavar="FILE", help="default %(default)s"
    )
    return parser.parse_args(words)


def _compare_options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench compare", description="Compare ratios to the rivals.")
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help=f"[baseline.json] new.json (default {BASELINE} {RESULTS})"
    )
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help="how much worse is worse (default %(default)s)"
    )
    parser.add_argument("--store", action="store_true", help="make the new results the baseline")
    options = parser.parse_args(words)
    if len(options.files) > 2:
        parser.error("at most two files: [baseline.json] new.json")
    return options


def _run(options: argparse.Namespace) -> int:
    console = _console()
    if sys.platform != "linux":
        console.print("The benchmark reads what processes use from Linux's /proc: it runs nowhere else.", style="red")
        return 2
    _look_at_limits(console, quick=options.quick)
    scenarios = [one for one in SCENARIOS if options.scenario is None or one.name in options.scenario]
    chosen = options.only or (OURS if options.quick else ALL)
    with console.status("Looking for what is installed; the first time Express comes by npm"):
        skipped = {name: reason for name in chosen if (reason := TARGETS[name].missing())}
    targets = [TARGETS[name] for name in chosen if name not in skipped]
    ordered = turns(scenarios, targets, 1 if options.quick else options.runs)
    if not ordered:
        told = "".join(f"; {TARGETS[name].title}: {reason}" for name, reason in skipped.items())
        console.print(f"Nothing that was chosen can be played{told}.", style="red", markup=False)
        return 2
    results = _results(ordered, console, skipped, options)
    if options.quick:
        return _judge(console, results, scenarios, targets)
    show(console, results)
    for file, text in ((options.json, dump(results)), (options.html, page(results))):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        console.print(f"Written: {file}", highlight=False)
    return 1 if _faulty(results) else 0


def _results(
    ordered: Sequence[Turn], console: Console, skipped: dict[str, str], options: argparse.Namespace
) -> Results:
    started = time.monotonic()
    taken = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    here = machine()
    with progress(console, len(ordered)) as begin:
        rows = play(ordered, begin, started + 60 * options.minutes, quick=options.quick)
    runs = max((turn.run + 1 for turn in ordered), default=0)
    return Results(taken, here, versions(), runs, time.monotonic() - started, rows, skipped)


def _judge(console: Console, results: Results, scenarios: Sequence[Scenario], targets: Sequence[Target]) -> int:
    show_problems(console, results)
    faulty = _faulty(results)
    tokens = sum(run.get("tokens", 0) for row in results.rows for run in row.runs)
    told = f"{len(results.rows) - len(faulty)} of {len(results.rows)} loads without a fault"
    names = ", ".join(target.title for target in targets)
    console.print(
        f"{told}: {len(scenarios)} scenarios, {names}, {tokens:,.0f} tokens in {results.seconds:.0f} s",
        style="red" if faulty else "green",
        highlight=False,
    )
    return 1 if faulty else 0


def _faulty(results: Results) -> list[Row]:
    """Find our rows that have problems; a rival's are its own."""
    return [row for row in results.rows if row.problems and row.target in OURS]


def _console() -> Console:
    console = Console()
    # Elsewhere than in a terminal nothing is gained by folding lines.
    return console if console.is_terminal else Console(width=160)


def _look_at_limits(console: Console, *, quick: bool) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    now = raise_open_files()
    if now > before:
        console.print(f"Raised the limit of open files from {before} to {now}.", style="dim", highlight=False)
    if now < ENOUGH_FILES and not quick:
        console.print(
            f"At most {now} files may be open, and the most streams need {ENOUGH_FILES}: some requests will fail. "
            f"Raise it: ulimit -Hn {ENOUGH_FILES}, as root.",
            style="yellow",
            highlight=False,
        )


def _compare(options: argparse.Namespace) -> int:
    console = _console()
    new = options.files[-1] if options.files else RESULTS
    results = load(new)
    if len(options.files) < 2 and options.store and not BASELINE.is_file():
        _store(console, results)
        return 0
    baseline = options.files[0] if len(options.files) == 2 else BASELINE
    changes = compare(ratios(load(baseline)), ratios(results), options.tolerance)
    show_changes(console, changes, options.tolerance)
    for name in sorted({change.ratio.row for change in changes if change.verdict == "missing"}):
        console.print(f"{name}: missing or incomplete in {new}, not judged", style="yellow", highlight=False)
    if options.store:
        _store(console, results)
        return 0
    worse = sum(change.verdict == "worse" for change in changes)
    judged = sum(change.verdict not in {"missing", "new"} for change in changes)
    console.print(f"{worse} of {judged} ratios are worse.", style="red" if worse else "green", highlight=False)
    return 1 if worse else 0


def _store(console: Console, results: Results) -> None:
    BASELINE.parent.mkdir(parents=True, exist_ok=True)
    BASELINE.write_text(dump(results), "utf-8")
    console.print(f"Stored as the baseline: {BASELINE}", highlight=False)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "at least 1"
        raise argparse.ArgumentTypeError(message)
    return number


def _names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        unknown = [name for name in names if name not in known]
        if unknown:
            message = f"{unknown[0]!r} is none of {', '.join(known)}"
            raise argparse.ArgumentTypeError(message)
        return names

    return read


if __name__ == "__main__":
    sys.exit(main())
