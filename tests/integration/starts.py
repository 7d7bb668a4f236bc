"""Start a gateway as a process of its own: early signals, and streams of the caller's choice. Without asyncio."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, Literal

MODEL: Final = '[models.{name}]\nprovider = "simulator"\nupstream_model = "sim"\n'
SECONDS: Final = 30.0

Taking = Literal["full", "closed pipe", "closed"]
"""What is behind a stream: a full disk, a pipe that nobody reads, as of `| head -1` after its line, or nothing."""


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def command(port: int, file: Path | None) -> list[str]:
    configuration = ["--config", str(file)] if file is not None else []
    return [sys.executable, "-m", "gateway", "serve", "--port", str(port), *configuration]


def replace_file(file: Path, text: str) -> None:
    """Replace a file at once: its reader never finds it empty."""
    waiting = file.with_suffix(".waiting")
    waiting.write_text(text)
    waiting.replace(file)


def served_models(port: int) -> str:
    """Wait until the gateway answers; return its models."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            connection.request("GET", "/api/models")
            return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        finally:
            connection.close()


def wait_for_model(port: int, name: str) -> None:
    deadline = time.monotonic() + SECONDS
    while f'"{name}"' not in served_models(port):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def blocks_hangups(process: subprocess.Popen[bytes]) -> bool:
    """Return True once SIGHUP waits in the kernel (SigBlk in proc(5)): from then on it may be sent."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(blocked.split()[1], 16) >> (signal.SIGHUP - 1) & 1)


@contextmanager
def starting(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process; yield it while it starts, as early as it can take a signal."""
    with ending(subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)) as process:
        while not blocks_hangups(process):
            assert process.poll() is None
            time.sleep(0.001)
        yield process


def closed_pipe() -> int:
    """Return the writing end of a pipe that nobody reads, as of `| head -1` after its line."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@contextmanager
def with_streams(kind: Taking, numbers: Sequence[int], arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process whose streams of these numbers take nothing."""
    # A shell closes a stream (`>&-`) and then becomes the process.
    closing = " ".join(f"{number}>&-" for number in numbers) if kind == "closed" else ""
    target = os.open("/dev/full", os.O_WRONLY) if kind == "full" else closed_pipe()
    replaced = [target if kind != "closed" and number in numbers else subprocess.DEVNULL for number in (1, 2)]
    command = ["sh", "-c", f'exec "$0" "$@" {closing}', *arguments]
    process = subprocess.Popen(command, stdout=replaced[0], stderr=replaced[1])
    os.close(target)
    with ending(process):
        yield process
