"""Starts are measured."""

from pathlib import Path

import pytest

from tests.bench.processes import StartError
from tests.bench.startup import Startup


def test_a_command_is_measured(tmp_path: Path) -> None:
    figures = Startup(tmp_path).measure(["-c", "print('done')"])
    assert figures["cpu_ms"] > 0
    assert figures["ms"] > 0


def test_a_start_that_fails_reports_its_output(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"(?s)ended with 2:\n.*argument --port: invalid int value: 'x'"):
        Startup(tmp_path).measure(["-m", "gateway", "serve", "--port", "x"])
