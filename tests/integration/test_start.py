"""The start of a gateway as a process: signals that come early, and standard streams that take nothing."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.starts import (
    MODEL,
    SECONDS,
    Taking,
    closed_pipe,
    command,
    free_port,
    starting,
    wait_for_model,
    with_streams,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with the model `first`."""
    file = tmp_path / "dualstream.toml"
    file.write_text(MODEL.format(name="first"))
    return file


@pytest.fixture
def port() -> int:
    return free_port()


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


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("full", (1,)), ("closed pipe", (2,)), ("closed", (1,)), ("closed", (2,))],
)
def test_a_stream_that_takes_nothing_ends_neither_the_start_nor_a_running_gateway(
    kind: Taking, numbers: tuple[int, ...], file: Path, port: int
) -> None:
    with with_streams(kind, numbers, command(port, file)) as process:
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


@pytest.mark.parametrize("kind", ["full", "closed pipe"])
def test_a_key_that_cannot_be_printed_is_not_taken_for_one_that_cannot_be_stored(kind: Taking, tmp_path: Path) -> None:
    stored = tmp_path / "keys.toml"
    create = [sys.executable, "-m", "gateway", "keys", "create", "alice", "--file", str(stored)]
    target = os.open("/dev/full", os.O_WRONLY) if kind == "full" else closed_pipe()
    done = subprocess.run(create, stdout=target, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
    os.close(target)
    assert done.returncode == 2
    assert done.stderr.startswith("dualstream: the key of alice is stored, but can't be printed (")
    assert "[keys.alice]" in stored.read_text()


def test_a_reader_of_the_report_that_leaves_causes_no_traceback(file: Path) -> None:
    file.write_text("".join(MODEL.format(name=f"model-{number}") for number in range(200)))
    check = [sys.executable, "-m", "gateway", "check", str(file)]
    target = closed_pipe()
    done = subprocess.run(check, stdout=target, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
    os.close(target)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_host_that_does_not_resolve_is_named(port: int) -> None:
    arguments = [*command(port, None), "--host", "nowhere.invalid"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert f"can't listen on nowhere.invalid:{port}: that name can't be resolved" in done.stderr


def test_make_run_prints_no_address_before_the_gateway_listens() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    recipes = makefile.partition("\nrun: ")[2].partition("\ncheck: ")[0]
    assert "http://$(HOST):$(PORT)" not in recipes
