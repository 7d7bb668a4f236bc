"""The command `dualstream bench providers`."""

import argparse
import asyncio
import platform
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from anyio import CancelScope

from gateway.cli.bench.measure import FineClock, measure
from gateway.cli.bench.plan import PROMPTS, BadPlanError, Plan, Subject, find, subjects
from gateway.cli.bench.report.data import to_csv, to_json
from gateway.cli.bench.report.page import page
from gateway.cli.bench.report.terminal import console, progress, show
from gateway.cli.bench.results import Results, RunInfo, build_results
from gateway.cli.bench.sample import Sample
from gateway.routing.model import Model

STDOUT = "-"
WRITERS: tuple[tuple[str, Callable[[Results], str]], ...] = (("json", to_json), ("csv", to_csv), ("html", page))
"""Output formats, by the option that names the file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Send the same requests to each configured model, and compare time to first token, speed, cost and errors. The "
        "requests are real and cost money; without a configuration, the built-in simulator answers them as four "
        "providers. Ctrl-C ends the run and reports what was measured so far. The exit code is 1 if every request to "
        "some target failed, and 2 if the options are invalid."
    )
    add = parser.add_argument
    add(
        "--models",
        type=_names,
        default=[],
        metavar="A,B",
        help="measure only these models (default: all configured models)",
    )
    add("--requests", type=_count, default=20, metavar="N", help="requests per target (default %(default)s)")
    add("--concurrency", type=_count, default=4, metavar="C", help="concurrent requests (default %(default)s)")
    add("--max-tokens", type=_count, default=160, metavar="N", help="maximum tokens of an answer (default %(default)s)")
    add("--prompt", metavar="TEXT", help="prompt to send (default: five prompts that ask for prose)")
    add(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="timeout of one request (default %(default)g)"
    )
    add("--warm-up", action="store_true", help="first send one uncounted request to each target")
    add(
        "--daily-tokens",
        type=_count,
        default=100_000,
        metavar="N",
        help="tokens per day for the cost of a month (default %(default)s)",
    )
    add(
        "--baseline",
        metavar="TARGET",
        help="target that savings are compared to, as provider/model (default: the most expensive)",
    )
    for name in ("json", "csv", "html"):
        add(f"--{name}", metavar="FILE", help=f"write the results as {name.upper()}; - is standard output")


async def run(models: Sequence[Model], options: argparse.Namespace, default_names: Sequence[str] = ()) -> int:
    """Measure the models and report the results. `default_names`: the models to measure if no option names any.

    Return the exit code: 0; 1 if every request to some target failed; 2 if the options are invalid; 130 after Ctrl-C.
    """
    try:
        _check_files(options)
        plan = _build_plan(models, options, default_names)
        baseline = None if options.baseline is None else find(plan.subjects, options.baseline).label
    except BadPlanError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2
    scope = CancelScope()
    # A second Ctrl-C, while the report is written, must not lose results that were paid for.
    with _interruptible(scope.cancel):
        samples = await _measure(plan, scope)
        info = _run_info(interrupted=scope.cancelled_caught)
        results = build_results(plan, samples, options.daily_tokens, baseline, info)
        # A file on standard output is for a program to read, so the tables must not be there too.
        show(console(stderr=_writes_to_stdout(options)), results)
        written = _write(results, options)
    if not written:
        return 2
    return 130 if results.interrupted else int(results.broken)


def _build_plan(models: Sequence[Model], options: argparse.Namespace, default_names: Sequence[str]) -> Plan:
    return Plan(
        subjects(models, options.models or default_names),
        options.requests,
        options.concurrency,
        options.max_tokens,
        PROMPTS if options.prompt is None else (options.prompt,),
        options.timeout,
        warm_up=options.warm_up,
    )


async def _measure(plan: Plan, scope: CancelScope) -> dict[str, list[Sample]]:
    """Measure until the plan is done or the scope is cancelled; return the samples by label."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    with progress(console(stderr=True), plan) as show_progress, scope:

        def report(subject: Subject, sample: Sample) -> None:
            samples[subject.label].append(sample)
            show_progress(subject, sample)

        await measure(plan, FineClock(), report)
    return samples


@contextmanager
def _interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT within this context."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _run_info(*, interrupted: bool) -> RunInfo:
    versions = {"dualstream": version("dualstream"), "python": platform.python_version()}
    return RunInfo(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), versions, interrupted)


def _writes_to_stdout(options: argparse.Namespace) -> bool:
    return any(getattr(options, name) == STDOUT for name, _ in WRITERS)


def _check_files(options: argparse.Namespace) -> None:
    """Check the output files before measuring, which takes minutes and money.

    Raises:
        BadPlanError: a file can't be written, or two are for standard output.
    """
    files = {name: getattr(options, name) for name, _ in WRITERS if getattr(options, name) is not None}
    if list(files.values()).count(STDOUT) > 1:
        message = f"only one of --{', --'.join(files)} can be written to standard output: name files for the others"
        raise BadPlanError(message)
    for name, file in files.items():
        if file != STDOUT and not _writable(Path(file)):
            message = f"--{name}: {file!r} can't be written: name a file in a folder that exists"
            raise BadPlanError(message)


def _writable(path: Path) -> bool:
    try:
        return path.parent.is_dir() and not path.is_dir()
    except OSError:
        # For example, the name is too long.
        return False


def _write(results: Results, options: argparse.Namespace) -> bool:
    """Write the requested files; return False if one could not be written."""
    all_written = True
    for name, write in WRITERS:
        file = getattr(options, name)
        if file == STDOUT:
            sys.stdout.write(write(results))
        elif file is not None:
            try:
                Path(file).write_text(write(results), "utf-8")
            except OSError as error:
                print(f"dualstream: --{name}: can't write {file}: {error.strerror}", file=sys.stderr)
                all_written = False
    return all_written


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        message = "must be names of models, separated by commas"
        raise argparse.ArgumentTypeError(message)
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        message = f"must be a whole number of at least 1, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"must be a number of seconds above 0, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return seconds
