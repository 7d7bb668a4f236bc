"""Processes are started, found, measured and stopped."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.measurement import cpu_ticks, cpu_time, memory
from tests.bench.meter import Meter
from tests.bench.processes import Server, StartError, StartUsage, free_port, is_running, running, serving, tree

BUSY = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\ntime.sleep(60)"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


def test_a_failed_start_reports_the_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]
    with (
        (tmp_path / "log").open("w+b") as log,
        pytest.raises(StartError, match="ended with 1:\nthe port is taken"),
        serving(command, free_port(), log),
    ):
        pass


def test_a_process_tree_is_measured_and_stopped(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+b") as log, running([sys.executable, "-c", PARENT], log) as process:
        meter = _wait_for_child(process)
        pids = tree(process.pid)
        while cpu_time(pids) < 200_000_000:
            time.sleep(0.01)
        meter.sample()
        usage = meter.stop(0)
        user, kernel = cpu_ticks(pids)
    assert len(pids) == 2
    assert user + kernel > 0
    assert usage.memory_peak > 1_000_000
    assert usage.cpu <= 1_000_000_000
    assert not [pid for pid in pids if is_running(pid)]
    assert memory(pids) == 0


def _wait_for_child(process: "subprocess.Popen[bytes]") -> Meter:
    while len(tree(process.pid)) < 2:
        time.sleep(0.01)
    return Meter(Server(process.pid, 0, StartUsage(0, 0, 0)))


def test_what_a_server_used_until_it_listened_is_known(tmp_path: Path) -> None:
    port = free_port()
    program = f"import socket, time\nlistening = socket.create_server(('127.0.0.1', {port}))\ntime.sleep(60)"
    with (tmp_path / "log").open("w+b") as log, serving([sys.executable, "-c", program], port, log) as server:
        assert 0 < server.start.cpu < 10_000_000_000
        assert server.start.memory > 1_000_000
