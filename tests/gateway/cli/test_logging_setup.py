"""Log records: text of others stays inside its record and controls no terminal."""

import logging
import os

import pytest

from gateway.cli.logging_setup import LOG_FORMAT, WORKER_LOG_FORMAT, EscapingFormatter, escape


def logged(message: str, *given: object) -> list[str]:
    record = logging.LogRecord("a.b", logging.WARNING, "", 0, message, given, None)
    return EscapingFormatter("%(levelname)s %(name)s: %(message)s").format(record).split("\n")


def test_a_line_break_in_a_message_starts_no_record() -> None:
    forged = "m\n2026-01-01 ERROR root: all is lost\r\x1b[2K\u2028x\u202e\x00\x9b"
    assert logged("the model %s fails", forged) == [
        "WARNING a.b: the model m",
        "    2026-01-01 ERROR root: all is lost\\r\\x1b[2K\\u2028x\\u202e\\x00\\x9b fails",
    ]
    assert logged("Xin chào, %s", "thế giới") == ["WARNING a.b: Xin chào, thế giới"]


def test_a_traceback_stays_in_its_record() -> None:
    try:
        message = "a\nWARNING b: c"
        raise ValueError(message)
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "failed", (), (ValueError, error, error.__traceback__))
    first, *rest = EscapingFormatter(LOG_FORMAT).format(record).split("\n")
    assert first.endswith("ERROR a: failed")
    assert rest
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("text", ["plain", "chào", ""])
def test_printable_text_is_unchanged(text: str) -> None:
    assert escape(text) == text


def test_a_record_of_a_worker_has_its_process_id() -> None:
    record = logging.LogRecord("a.b", logging.WARNING, "", 0, "m", (), None)
    assert EscapingFormatter(WORKER_LOG_FORMAT).format(record).endswith(f" WARNING {os.getpid()} a.b: m")
