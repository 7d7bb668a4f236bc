"""The start of a gateway as a process: signals that come early, and standard streams that take nothing."""

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

import pytest

MODEL = '[models.{name}]\nprovider = "simulator"\nupstream_model = "sim"\n'
SECONDS = 30.0
NULL = Path(os.devnull)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with the model `first`."""
    file = tmp_path / "dualstream.toml"
    file.write_text(MODEL.format(name="first"))
    return file


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def command(port: int, file: Path | None) -> list[str]:
    configuration = ["--config", str(file)] if file is not None else []
    return [sys.executable, "-m", "gateway", "serve", "--port", str(port), *configuration]


def models(port: int) -> str:
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
    while f'"{name}"' not in models(port):
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


def test_sighup_during_the_start_is_followed_once_it_listens(file: Path, port: int) -> None:
    with starting(command(port, file)) as process:
        process.send_signal(signal.SIGHUP)
        wait_for_model(port, "first")
        # Once more while the first one may still be under way: that of the last signal counts.
        file.write_text(MODEL.format(name="second"))
        process.send_signal(signal.SIGHUP)
        wait_for_model(port, "second")
        assert process.poll() is None


def test_a_file_that_was_replaced_during_the_start_is_loaded_by_its_signal(file: Path, port: int) -> None:
    with starting(command(port, file)) as process:
        waiting = file.with_suffix(".new")
        waiting.write_text(MODEL.format(name="second"))
        waiting.replace(file)
        process.send_signal(signal.SIGHUP)
        wait_for_model(port, "second")


def test_without_anything_to_reload_a_terminal_that_closes_during_the_start_ends_it(port: int) -> None:
    with starting(command(port, None)) as process:
        process.send_signal(signal.SIGHUP)
        assert process.wait(SECONDS) == -signal.SIGHUP


def closed_pipe() -> int:
    """Return the writing end of a pipe that nobody reads, as of `| head -1` after its line."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


STREAMS = ("full", "closed pipe", "closed")


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("which", ["stdout", "stderr", "both"])
def test_a_stream_that_takes_nothing_ends_neither_the_start_nor_a_running_gateway(
    kind: str, which: str, file: Path, port: int
) -> None:
    numbers = {"stdout": (1,), "stderr": (2,), "both": (1, 2)}[which]
    target = None if kind == "closed" else closed_pipe() if kind == "closed pipe" else os.open("/dev/full", os.O_WRONLY)

    # A shell closes a stream (`>&-`) and then becomes the gateway.
    closing = " ".join(f"{number}>&-" for number in numbers) if target is None else ""
    streams = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    if target is not None:
        streams |= {{1: "stdout", 2: "stderr"}[number]: target for number in numbers}
    arguments = ["sh", "-c", f'exec "$0" "$@" {closing}', *command(port, file)]
    process = subprocess.Popen(arguments, stdout=streams["stdout"], stderr=streams["stderr"])
    if target is not None:
        os.close(target)
    with ending(process):
        wait_for_model(port, "first")
        # Both log a line: a reload that is applied, and one that is not.
        for text, name in ((MODEL.format(name="second"), "second"), ("max_queue = 'x'", "second")):
            file.write_text(text)
            process.send_signal(signal.SIGHUP)
            wait_for_model(port, name)
        # Every number up to 2 is a stream, none a socket.
        for number in (0, 1, 2):
            assert "socket" not in str(Path(f"/proc/{process.pid}/fd/{number}").readlink())
        process.terminate()
        assert process.wait(SECONDS) == 0


def test_the_port_is_found_taken_before_an_address_is_printed(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(command(port, None), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"dualstream: can't listen on 127.0.0.1:{port}: another program listens there: end it, or choose another port "
        "with --port (DUALSTREAM_PORT; make run PORT=8090)\n"
    )


def test_a_host_that_does_not_resolve_is_named(port: int) -> None:
    arguments = [*command(port, None), "--host", "nowhere.invalid"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert f"can't listen on nowhere.invalid:{port}: that name can't be resolved" in done.stderr


def test_make_run_prints_no_address_before_the_gateway_listens() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    recipes = makefile.partition("\nrun: ")[2].partition("\ncheck: ")[0]
    assert "http://$(HOST):$(PORT)" not in recipes
