"""What the drivers of command-line clients need: a scratch folder, and runs that end in time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.integration.clients.drivers.kit import READING_SECONDS, START_SECONDS, journal

RUN_SECONDS: Final = 60.0


class Run(NamedTuple):
    """What a run has printed, and its exit code."""

    output: str
    code: int


class Cli:
    """A command-line client with a home folder of its own, which works in an empty repository."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.repository = home / "repository"
        self.repository.mkdir()
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}

    def run(self, *command: str) -> Run:
        """Run it to its end."""
        with self._started(command) as process:
            output, _ = process.communicate(timeout=RUN_SECONDS)
            return Run(output, process.returncode)

    def stop(self, *command: str, number: signal.Signals = signal.SIGINT) -> Run:
        """Run it, and send it a signal while it reads."""
        earlier = len(journal())
        with self._started(command) as process:
            deadline = time.monotonic() + START_SECONDS
            while len(journal()) == earlier:
                assert time.monotonic() < deadline, "the provider saw no request"
                time.sleep(0.05)
            time.sleep(READING_SECONDS * 2)
            process.send_signal(number)
            output, _ = process.communicate(timeout=RUN_SECONDS)
            return Run(output, process.returncode)

    @contextmanager
    def _started(self, command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            command,
            cwd=self.repository,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def with_cli(variables: Callable[[Path], Mapping[str, str]], drive: Callable[[Cli], None]) -> None:
    """Run a driver with a command-line client in a scratch folder, which is removed at the end."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        drive(Cli(home, **variables(home)))


def node_modules() -> Path:
    """Return the folder of the installed packages of npm, beside the environment of this interpreter."""
    return Path(sys.prefix).parent / "node_modules"
