"""Options and files that all benchmarks have: whole numbers, seconds, and results as JSON, CSV or HTML."""

import argparse
import asyncio
import platform
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

STDOUT: Final = "-"

Results = TypeVar("Results")
Writers = Mapping[str, Callable[[Results], str]]
"""Output formats, by the option that names the file."""


class BadPlanError(ValueError):
    """The requested run is not possible; the message says what to change."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Facts of a run that are reported beside its figures. `taken`: its end, as date and time in UTC."""

    taken: str
    versions: Mapping[str, str]
    interrupted: bool = False


def run_info(*, interrupted: bool) -> RunInfo:
    """Return the facts of a run that ends now."""
    versions = {"dualstream": version("dualstream"), "python": platform.python_version()}
    return RunInfo(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), versions, interrupted)


def add_file_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add an option for each output format."""
    for name in names:
        parser.add_argument(
            f"--{name}", metavar="FILE", help=f"write the results as {name.upper()}; - is standard output"
        )


def check_files(options: argparse.Namespace, writers: Mapping[str, object]) -> None:
    """Check the output files before measuring, which takes minutes, and may cost money.

    Raises:
        BadPlanError: a file can't be written, or two are for standard output.
    """
    files = {name: getattr(options, name) for name in writers if getattr(options, name) is not None}
    if list(files.values()).count(STDOUT) > 1:
        message = f"only one of --{', --'.join(files)} can be written to standard output: name files for the others"
        raise BadPlanError(message)
    for name, file in files.items():
        if file != STDOUT and not _writable(Path(file)):
            message = f"--{name}: {file!r} can't be written: name a file in a folder that exists"
            raise BadPlanError(message)


def writes_to_stdout(options: argparse.Namespace, writers: Mapping[str, object]) -> bool:
    """Return True if a file is for standard output: a program reads it, so nothing else must be there."""
    return any(getattr(options, name) == STDOUT for name in writers)


def write_files(results: Results, options: argparse.Namespace, writers: Writers[Results]) -> bool:
    """Write the requested files; return False if one could not be written."""
    all_written = True
    for name, write in writers.items():
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


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT within this context."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def names(text: str) -> list[str]:
    """Parse names that are separated by commas."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        message = "must be names, separated by commas"
        raise argparse.ArgumentTypeError(message)
    return found


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        message = f"must be a whole number of at least 1, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def seconds(text: str) -> float:
    """Parse a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        message = f"must be a number of seconds above 0, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value


def _writable(path: Path) -> bool:
    try:
        return path.parent.is_dir() and not path.is_dir()
    except OSError:
        # For example, the name is too long.
        return False
