"""What a start costs: `python -m tests.bench.startup [--runs N] [--instructions]`.

Of the gateway: CPU and time until it listens, and its memory then. Of commands: CPU and time until they end. Python's
bytecode is cached, as pip does on installation: a first run of each row, which compiles it, does not count.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from tests.bench.figures import Figures, medians
from tests.bench.measurement import cpu_time, memory
from tests.bench.processes import CHECKOUT, StartError, running

FIRST_LINE: Final = b"Dualstream listens on"
"""What the gateway prints first, once it listens."""

MEGABYTE: Final = 2**20
COUNTER: Final = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
"""Counts the instructions of a process in user mode (https://valgrind.org/docs/manual/cg-manual.html)."""

_GATEWAY: Final = ("-m", "gateway")

ROWS: Final[Mapping[str, Sequence[str]]] = {
    # Nothing listens at this port, and nothing is sent to it.
    "dualstream serve --upstream URL": (*_GATEWAY, "serve", "--port", "0", "--upstream", "http://127.0.0.1:9/v1"),
    "dualstream serve": (*_GATEWAY, "serve", "--port", "0"),
    "dualstream --version": (*_GATEWAY, "--version"),
    "dualstream --help": (*_GATEWAY, "--help"),
    "dualstream chat --help": (*_GATEWAY, "chat", "--help"),
    "dualstream top --help": (*_GATEWAY, "top", "--help"),
    "dualstream keys --help": (*_GATEWAY, "keys", "--help"),
    "dualstream check": (*_GATEWAY, "check"),
    "import dualstream": ("-c", "import dualstream"),
}
"""Arguments of Python."""


class Startup:
    """Measures starts. The bytecode is cached in a folder."""

    def __init__(self, bytecode: Path) -> None:
        self._environment = {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(bytecode),
            "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'gateway/client/top_level'}",
        }

    def measure(self, arguments: Sequence[str]) -> Figures:
        """Start Python and return `cpu_ms`, `ms`, and of a gateway `memory_mb` (PSS).

        Raises:
            StartError: it fails.
        """
        with ExitStack() as resources:
            log = resources.enter_context(tempfile.TemporaryFile())
            children, began = _cpu_of_children(), time.perf_counter()
            command = [sys.executable, *arguments]
            process = resources.enter_context(_running(command, log, self._environment))
            if "serve" in arguments:
                _wait_until_it_listens(process, log)
                elapsed = time.perf_counter() - began
                cpu, size = cpu_time([process.pid]) / 1e9, memory([process.pid])
                return {"cpu_ms": cpu * 1e3, "ms": elapsed * 1e3, "memory_mb": size / MEGABYTE}
            process.communicate()
            if process.returncode:
                raise _failure(process, log)
            return {"cpu_ms": (_cpu_of_children() - children) * 1e3, "ms": (time.perf_counter() - began) * 1e3}

    def count_instructions(self, arguments: Sequence[str]) -> float:
        """Return the millions of instructions that a start costs, with its end.

        Raises:
            StartError: it fails, or valgrind is not installed.
        """
        environment = {**self._environment, "PYTHONHASHSEED": "0"}
        with ExitStack() as resources:
            log = resources.enter_context(tempfile.TemporaryFile())
            command = [*COUNTER, sys.executable, *arguments]
            process = resources.enter_context(_running(command, log, environment))
            if "serve" in arguments:
                _wait_until_it_listens(process, log)
                process.terminate()
            process.communicate()
            log.seek(0)
            found = re.search(rb"I\s+refs:\s+([\d,]+)", log.read())
            if found is None:
                raise _failure(process, log)
            return int(found[1].replace(b",", b"")) / 1e6


@contextmanager
def _running(
    command: Sequence[str], log: IO[bytes], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with running(command, log, environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with process.stdout:
            yield process


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _wait_until_it_listens(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    assert process.stdout is not None
    if not process.stdout.readline().startswith(FIRST_LINE):
        process.wait()
        raise _failure(process, log)


def _failure(process: subprocess.Popen[bytes], log: IO[bytes]) -> StartError:
    log.seek(0)
    return StartError(f"{process.args!r} ended with {process.returncode}:\n{log.read().decode(errors='replace')}")


def measure_startup(runs: int, names: Sequence[str] = tuple(ROWS)) -> dict[str, Figures]:
    """Return the medians of each row, measured in turns.

    Raises:
        StartError: a start fails.
    """
    collected: dict[str, list[Figures]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as bytecode:
        startup = Startup(Path(bytecode))
        for run in range(runs + 1):
            for name in names:
                figures = startup.measure(ROWS[name])
                if run:
                    collected[name].append(figures)
    return {name: medians(of_row) for name, of_row in collected.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.startup", description="Measure what a start costs.")
    parser.add_argument("--runs", type=int, default=7, help="runs of each row (default %(default)s)")
    parser.add_argument("--instructions", action="store_true", help="count instructions by valgrind, once for each row")
    options = parser.parse_args()
    if options.instructions:
        with tempfile.TemporaryDirectory() as bytecode:
            startup = Startup(Path(bytecode))
            for name, arguments in ROWS.items():
                startup.measure(arguments)
                print(f"{name:32} {startup.count_instructions(arguments):8.0f} million instructions", flush=True)
        return
    print(f"{'':32} {'CPU':>8} {'time':>8}   memory (PSS)")
    for name, figures in measure_startup(options.runs).items():
        size = f"{figures['memory_mb']:8.1f} MB" if "memory_mb" in figures else ""
        print(f"{name:32} {figures['cpu_ms']:5.0f} ms {figures['ms']:5.0f} ms {size}")


if __name__ == "__main__":
    main()
