"""Which loggers and handlers a process has; each is configured in an interpreter of its own."""

import subprocess
import sys

import orjson
import pytest

from gateway.telemetry.logs.level import OWN_LOGGERS


def output_of(script: str) -> list[str]:
    """Return what a script writes to standard error."""
    head = "import logging, warnings\nfrom gateway.cli.logging_setup import configure, configure_server\n"
    done = subprocess.run([sys.executable, "-c", head + script], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_a_command_logs_warnings() -> None:
    (line,) = output_of(
        "configure()\nlogging.getLogger('gateway').info('a')\nlogging.getLogger('gateway').warning('b')"
    )
    assert line.endswith("Z WARNING gateway: b")


def test_what_a_command_cannot_write_is_dropped() -> None:
    script = "configure()\nimport os\nos.close(2)\nlogging.warning('b')\nos.dup2(1, 2)"
    assert output_of(script) == []


@pytest.mark.parametrize("logger", OWN_LOGGERS)
def test_the_level_is_that_of_our_own_loggers(logger: str) -> None:
    lines = output_of(
        "configure()\nconfigure_server('console', 'debug', is_worker=False)\n"
        f"logging.getLogger('{logger}.a').debug('ours')\n"
        "logging.getLogger('websockets').debug('theirs')\nlogging.getLogger('websockets').warning('theirs, too')"
    )
    assert [line.partition("Z ")[2] for line in lines] == [
        f"DEBUG {logger}.a: ours",
        "WARNING websockets: theirs, too",
    ]


def test_a_higher_level_holds_for_all() -> None:
    lines = output_of(
        "configure_server('console', 'error', is_worker=False)\n"
        "for name in ('gateway', 'websockets'):\n    logging.getLogger(name).warning('a')\n"
        "logging.getLogger('gateway').error('b')"
    )
    assert [line[-1] for line in lines] == ["b"]


def test_warnings_and_tracebacks_of_libraries_are_json_too() -> None:
    lines = output_of(
        "configure()\nconfigure_server('json', 'info', is_worker=False)\n"
        "warnings.warn('old\\nand forged', stacklevel=1)\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.getLogger('uvicorn.error').exception('failed')"
    )
    first, second = map(orjson.loads, lines)
    assert first["logger"] == "py.warnings"
    assert "old\nand forged" in first["message"]
    assert (second["level"], second["logger"], second["message"]) == ("ERROR", "uvicorn.error", "failed")
    assert second["exception"].endswith("ZeroDivisionError: division by zero")


def test_lines_of_a_worker_have_its_process_id() -> None:
    (line,) = output_of("configure_server('console', 'info', is_worker=True)\nlogging.getLogger('gateway').info('a')")
    level, process, logger, _ = line.partition("Z ")[2].split()
    assert (level, process.isdecimal(), logger) == ("INFO", True, "gateway:")


def test_what_one_kind_of_line_repeats_is_left_out() -> None:
    lines = output_of(
        "configure_server('console', 'info', is_worker=False)\n"
        "for _ in range(100_000):\n    logging.getLogger('websockets').warning('again')"
    )
    assert 20 <= len(lines) < 100
