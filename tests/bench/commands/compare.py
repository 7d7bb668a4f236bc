"""Compare the ratios of results with those of the baseline, or store them as the baseline."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.commands.files import BASELINE, RESULTS, open_console
from tests.bench.commands.table import write_pages
from tests.bench.compare import TOLERANCE, compare, ratios
from tests.bench.report.terminal import show_changes
from tests.bench.results import Results, dump, load


def main(arguments: Sequence[str]) -> int:
    """Compare or store; return the exit code."""
    options = _options(arguments)
    console = open_console()
    new = options.files[-1] if options.files else RESULTS
    results = load(new)
    if len(options.files) < 2 and options.store and not BASELINE.is_file():
        _store(console, results)
        return 0
    baseline = options.files[0] if len(options.files) == 2 else BASELINE
    changes = compare(ratios(load(baseline)), ratios(results), options.tolerance)
    show_changes(console, changes, options.tolerance)
    for name in sorted({change.ratio.row for change in changes if change.verdict == "missing"}):
        console.print(f"{name}: missing or incomplete in {new}, not compared", style="yellow", highlight=False)
    if options.store:
        _store(console, results)
        return 0
    worse = sum(change.verdict == "worse" for change in changes)
    compared = sum(change.verdict not in {"missing", "new"} for change in changes)
    console.print(f"{worse} of {compared} ratios are worse.", style="red" if worse else "green", highlight=False)
    return 1 if worse else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench compare", description="Compare the ratios.")
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help=f"[baseline.json] new.json (default {BASELINE} {RESULTS})"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="increase that counts as worse (default %(default)s)",
    )
    parser.add_argument(
        "--store",
        action="store_true",
        help="store the new results as the baseline, and write them into the documentation",
    )
    options = parser.parse_args(arguments)
    if len(options.files) > 2:
        parser.error("at most two files: [baseline.json] new.json")
    return options


def _store(console: Console, results: Results) -> None:
    BASELINE.parent.mkdir(parents=True, exist_ok=True)
    BASELINE.write_text(dump(results), "utf-8")
    console.print(f"Stored as the baseline: {BASELINE}", highlight=False)
    write_pages(results)
