"""Processes are started, found, measured and stopped."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.measurement import Meter, cpu_time, memory
from tests.bench.processes import StartError, free_port, is_running, running, serving, tree

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
        meter.sample_memory()
        usage = meter.stop(0)
    assert len(pids) == 2
    assert usage.memory_peak > 1_000_000
    assert usage.cpu <= 1_000_000_000
    assert not [pid for pid in pids if is_running(pid)]
    assert memory(pids) == 0


def _wait_for_child(process: "subprocess.Popen[bytes]") -> Meter:
    while len(tree(process.pid)) < 2:
        time.sleep(0.01)
    return Meter(process.pid, [])
