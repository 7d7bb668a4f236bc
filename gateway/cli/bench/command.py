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
from gateway.cli.bench.results import Circumstances, Results, results
from gateway.cli.bench.sample import Sample
from gateway.routing.model import Model

STDOUT = "-"
WRITERS: tuple[tuple[str, Callable[[Results], str]], ...] = (("json", to_json), ("csv", to_csv), ("html", page))
"""What can be written, by the option that names its file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Ask each configured model the same, and set beside one another how soon and how fast each answers and what it "
        "costs. The requests are real, and are paid for; without a configuration the built-in simulator answers them, "
        "as four providers. Ctrl-C ends it with the figures of what was measured so far. It ends with 1 if a target "
        "answered nothing, with 2 if it can't do what is asked."
    )
    add = parser.add_argument
    add("--models", type=_names, default=[], metavar="A,B", help="only these (default: all that are configured)")
    add("--requests", type=_count, default=20, metavar="N", help="to each target (default %(default)s)")
    add("--concurrency", type=_count, default=4, metavar="C", help="so many of them at once (default %(default)s)")
    add("--max-tokens", type=_count, default=160, metavar="N", help="of an answer (default %(default)s)")
    add("--prompt", metavar="TEXT", help="ask this (default: a few prompts that call for prose)")
    add("--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="for one request (default %(default)g)")
    add("--warm-up", action="store_true", help="send one more request to each target before, which does not count")
    add(
        "--daily-tokens",
        type=_count,
        default=100_000,
        metavar="N",
        help="for a month's cost (default %(default)s)",
    )
    add("--baseline", metavar="TARGET", help="savings are against this one, as provider/model (default: the dearest)")
    for name in ("json", "csv", "html"):
        add(f"--{name}", metavar="FILE", help=f"write the results as {name.upper()}; - is the standard output")


async def run(models: Sequence[Model], options: argparse.Namespace, usual: Sequence[str] = ()) -> int:
    """Measure the models and show what was found; give the exit code. `usual`: those that are meant if none is named.

    0; 1 when every request to some target failed; 2 when the options can't be followed; 130 after Ctrl-C.
    """
    try:
        _check_files(options)
        plan = _plan(models, options, usual)
        baseline = None if options.baseline is None else find(plan.subjects, options.baseline).label
    except BadPlanError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2
    scope = CancelScope()
    # A second Ctrl-C, by who can't wait, must not cost the report of what was paid for.
    with _interruptible(scope.cancel):
        samples = await _measure(plan, scope)
        circumstances = _circumstances(interrupted=scope.cancelled_caught)
        found = results(plan, samples, options.daily_tokens, baseline, circumstances)
        # What is on the standard output for a program must be that alone.
        show(console(stderr=_writes_to_stdout(options)), found)
        written = _write(found, options)
    if not written:
        return 2
    return 130 if found.interrupted else int(found.broken)


def _plan(models: Sequence[Model], options: argparse.Namespace, usual: Sequence[str]) -> Plan:
    return Plan(
        subjects(models, options.models or usual),
        options.requests,
        options.concurrency,
        options.max_tokens,
        PROMPTS if options.prompt is None else (options.prompt,),
        options.timeout,
        warm_up=options.warm_up,
    )


async def _measure(plan: Plan, scope: CancelScope) -> dict[str, list[Sample]]:
    """Measure until it is done, or the scope is cancelled."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    with progress(console(stderr=True), plan) as told, scope:

        def report(subject: Subject, sample: Sample) -> None:
            samples[subject.label].append(sample)
            told(subject, sample)

        await measure(plan, FineClock(), report)
    return samples


@contextmanager
def _interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C call `stop`, within."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _circumstances(*, interrupted: bool) -> Circumstances:
    versions = {"dualstream": version("dualstream"), "python": platform.python_version()}
    return Circumstances(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), versions, interrupted)


def _writes_to_stdout(options: argparse.Namespace) -> bool:
    return any(getattr(options, name) == STDOUT for name, _ in WRITERS)


def _check_files(options: argparse.Namespace) -> None:
    """Notice beforehand what can't be written: measuring takes minutes and money.

    Raises:
        BadPlanError: there is no such folder, or two are for the standard output.
    """
    given = {name: getattr(options, name) for name, _ in WRITERS if getattr(options, name) is not None}
    if list(given.values()).count(STDOUT) > 1:
        message = f"only one of --{', --'.join(given)} can go to the standard output: name a file for the others"
        raise BadPlanError(message)
    for name, file in given.items():
        if file != STDOUT and not _writable(Path(file)):
            message = f"--{name}: {file!r} can't be written: name a file in a folder that exists"
            raise BadPlanError(message)


def _writable(path: Path) -> bool:
    try:
        return path.parent.is_dir() and not path.is_dir()
    except OSError:
        # A name that no file can have.
        return False


def _write(found: Results, options: argparse.Namespace) -> bool:
    """Write what was asked for; False if something could not be."""
    written = True
    for name, write in WRITERS:
        file = getattr(options, name)
        if file == STDOUT:
            sys.stdout.write(write(found))
        elif file is not None:
            try:
                Path(file).write_text(write(found), "utf-8")
            except OSError as error:
                print(f"dualstream: --{name}: can't write {file}: {error.strerror}", file=sys.stderr)
                written = False
    return written


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        message = "must be names of models, with commas between"
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
