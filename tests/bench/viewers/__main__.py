"""Measure one gateway process with 10,000 viewers: `make viewers`, or `python -m tests.bench.viewers [--quick]`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.bench.machine import machine, versions
from tests.bench.open_files import raise_open_files
from tests.bench.processes import CHECKOUT
from tests.bench.scenarios import NATIVE
from tests.bench.targets import TARGETS
from tests.bench.viewers import fan_out, own_generations
from tests.bench.viewers.bed import start_bed
from tests.bench.viewers.report import Report
from tests.bench.viewers.rows import SECTIONS, TITLES, ratio
from tests.bench.viewers.size import OWN_FILES, QUICK, Size

RESULTS: Final = CHECKOUT / "build" / "bench" / "viewers.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; return 1 if anything was lost, duplicated or refused."""
    options = _parser().parse_args(arguments)
    # Handled like Ctrl-C, so that the processes that we started end with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    # Lines in a file or pipe are not folded.
    console = console if console.is_terminal else Console(width=160)
    if sys.platform != "linux":
        console.print("The benchmark reads /proc, so it runs on Linux only.", style="red")
        return 2
    try:
        report = _measure(console, options)
    except KeyboardInterrupt:
        console.print("Interrupted; all processes have been stopped.", style="red")
        return 130
    if options.quick:
        report.show_problems(console)
    else:
        report.show(console)
    if not options.quick or options.json != RESULTS:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(report.dump(), "utf-8")
        console.print(f"Written: {options.json}", highlight=False)
    if options.write:
        report.write_page()
    return 1 if report.problems else 0


def _measure(console: Console, options: argparse.Namespace) -> Report:
    size, files = _size(options), raise_open_files()
    report = Report(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), machine(), versions())
    streams = size.own_streams(files)
    if streams < size.viewers:
        console.print(
            f"{files} open files allow {streams} viewers with a generation each, not {size.viewers}. "
            f"For all: ulimit -Hn {2 * size.viewers + 200}, as root.",
            style="yellow",
            highlight=False,
        )
    for scenario in options.scenario:
        for transport in options.only:
            target = TARGETS[transport]
            console.print(f"{TITLES[scenario]}, {target.title} …", style="dim", highlight=False)
            with start_bed(target, size.viewers + OWN_FILES) as bed:
                if not options.quick:
                    bed.testbed.warm_up(target)
                if scenario == "own":
                    own_generations.measure(bed, target, size, streams)
                else:
                    fan_out.measure(bed, target, size)
            report.figures.setdefault(scenario, {})[transport] = bed.figures
            report.problems.extend(f"{TITLES[scenario]}, {target.title}: {problem}" for problem in bed.problems)
    own = report.figures.get("own", {})
    for transport, figures in report.figures.get("fan-out", {}).items():
        figures.update(ratio(own.get(transport, {}), figures))
    return report


def _size(options: argparse.Namespace) -> Size:
    size = QUICK if options.quick else Size()
    changes = {"viewers": options.viewers, "in_flight": options.in_flight}
    return replace(size, **{name: value for name, value in changes.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.viewers", description=__doc__)
    parser.add_argument("--viewers", type=int, help=f"number of viewers (default {Size().viewers:,})")
    parser.add_argument("--in-flight", type=int, help=f"how many connect at once (default {Size().in_flight})")
    parser.add_argument("--quick", action="store_true", help="run small loads that only look for faults")
    parser.add_argument("--scenario", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--only", nargs="+", choices=NATIVE, default=list(NATIVE), help="transports")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="default %(default)s")
    parser.add_argument("--write", action="store_true", help="write the tables into the page of the documentation")
    return parser


if __name__ == "__main__":
    sys.exit(main())
