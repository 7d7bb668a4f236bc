"""The processes of a benchmark: each is started on its own port, and stopped by its id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.bench.measurement import cpu_time, memory

CHECKOUT = Path(__file__).parents[2]
STARTING_SECONDS = 120.0
POLLING_SECONDS = 0.005
ENDING_SECONDS = 2.0


class StartError(Exception):
    """A process did not start; the message holds its output."""


@dataclass(frozen=True, slots=True)
class StartUsage:
    """What a process had used when it listened: CPU time in ns, seconds, and memory in bytes."""

    cpu: int
    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens on a port of the loopback address. `store`: processes that store its data."""

    pid: int
    port: int
    start: StartUsage
    store: tuple[int, ...] = ()


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module."""
    return [sys.executable, "-m", module, *arguments]


@contextmanager
def serving(
    command: Sequence[str],
    port: int,
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
    folder: Path = CHECKOUT,
) -> Iterator[Server]:
    """Run a server in a folder until the block ends.

    Raises:
        StartError: it does not listen within STARTING_SECONDS.
    """
    began = time.monotonic()
    with running(command, log, environment, folder) as process:
        _wait_until_open(process, port, log)
        seconds, pids = time.monotonic() - began, tree(process.pid)
        yield Server(process.pid, port, StartUsage(cpu_time(pids), seconds, memory(pids)))


@contextmanager
def running(
    command: Sequence[str],
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
    folder: Path = CHECKOUT,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends.

    It has its own session, so that Ctrl-C in the terminal reaches only us, and processes are stopped in order.
    """
    # Without the settings of the developer's own gateway. Bytecode is cached, so that a start does not compile it.
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DUALSTREAM_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**ours, **(environment or {})},
        stdin=stdin,
        stdout=log if stdout is None else stdout,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process)


def tree(root: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                pid = int(entry.name)
                children.setdefault(int(_stat(pid)[1]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def is_running(pid: int) -> bool:
    """Return True if a process exists and is not a zombie."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    """Return the fields of a process from its state on; the name before them may contain any character."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _wait_until_open(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(POLLING_SECONDS)
    why = f"ended with {process.returncode}" if process.returncode is not None else "does not listen"
    output = Path(log.name).read_bytes()[-2000:].decode(errors="replace")
    name = " ".join(map(str, process.args[1:4])) if isinstance(process.args, list) else str(process.args)
    message = f"{name} {why}:\n{output}"
    raise StartError(message)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and its descendants, by force after ENDING_SECONDS: nothing of value is lost."""
    pids = tree(process.pid) if process.poll() is None else []
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENDING_SECONDS)
    for pid in filter(is_running, pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + ENDING_SECONDS
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
