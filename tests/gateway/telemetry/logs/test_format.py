"""Lines of the log: text of others stays inside its record and controls no terminal; fields are JSON."""

import logging
import os

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.log_fields import log_fields
from gateway.telemetry.logs.format import (
    NOT_LOGGED,
    SHOWS_FIELDS,
    ConsoleFormatter,
    JsonFormatter,
    as_text,
    escape,
    escape_json,
    fields_of,
    timestamp,
)


def record(message: str, *given: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("a.b", logging.WARNING, "", 0, message, given, None)
    made.created = 1_796_000_000.0129
    vars(made).update(fields)
    return made


def console(made: logging.LogRecord) -> list[str]:
    return ConsoleFormatter().format(made).split("\n")


def as_json(made: logging.LogRecord) -> dict[str, object]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert line.isprintable()
    fields: dict[str, object] = orjson.loads(line)
    return fields


def test_a_line_has_its_time_level_and_logger() -> None:
    assert console(record("m %d", 1)) == ["2026-11-30T00:53:20.012Z WARNING a.b: m 1"]
    assert as_json(record("m %d", 1)) == {
        "time": "2026-11-30T00:53:20.012Z",
        "level": "WARNING",
        "logger": "a.b",
        "pid": os.getpid(),
        "message": "m 1",
    }


def test_fields_are_keys_of_the_json_line() -> None:
    made = record("m", **log_fields("stopped", models=["a", "b"], seconds=1.5, cost=None, key=b"x"))
    fields = as_json(made)
    assert [*fields][4:] == ["event", "message", "models", "seconds", "cost", "key"]
    assert (fields["event"], fields["models"], fields["seconds"], fields["cost"]) == ("stopped", ["a", "b"], 1.5, None)


def test_a_field_does_not_replace_what_every_line_has() -> None:
    fields = as_json(record("m", level="x", time="y", exception="z"))
    assert (fields["level"], fields["message"]) == ("WARNING", "m")
    assert "exception" not in fields


def test_an_ordinary_record_has_no_fields() -> None:
    made = record("m %s", "a")
    made.message, made.asctime = "m a", "now"
    assert fields_of(made) == {}


def test_a_line_break_in_a_message_starts_no_record() -> None:
    forged = "m\n2026-01-01 ERROR root: all is lost\r\x1b[2K\u2028x\u202e\x00\x9b"
    assert [line.partition("Z ")[2] or line for line in console(record("the model %s fails", forged))] == [
        "WARNING a.b: the model m",
        "    2026-01-01 ERROR root: all is lost\\r\\x1b[2K\\u2028x\\u202e\\x00\\x9b fails",
    ]
    assert console(record("Xin chào, %s", "thế giới"))[0].endswith("WARNING a.b: Xin chào, thế giới")
    assert as_json(record("%s", forged))["message"] == forged


def test_a_traceback_stays_in_its_record() -> None:
    made = record("failed")
    try:
        message = "a\nWARNING b: c"
        raise ValueError(message)
    except ValueError as error:
        made.exc_info = (ValueError, error, error.__traceback__)
    made.stack_info = "Stack (most recent call last):\n  here"
    first, *rest = console(made)
    assert first.endswith("WARNING a.b: failed")
    assert rest[-1] == "      here"
    assert all(line.startswith("    ") for line in rest)
    fields = as_json(made)
    assert str(fields["exception"]).endswith("ValueError: a\nWARNING b: c")
    assert str(fields["stack"]).endswith("here")


@pytest.mark.parametrize("text", ["plain", "chào", ""])
def test_printable_text_is_unchanged(text: str) -> None:
    assert escape(text) == escape_json(text) == text


def test_a_record_of_a_worker_has_its_process_id() -> None:
    assert f" WARNING {os.getpid()} a.b: m" in ConsoleFormatter(shows_process=True).format(record("m"))


def test_how_many_were_left_out_is_told() -> None:
    made = record("m", **{NOT_LOGGED: 7})
    assert console(made)[0].endswith("m (7 more like this were not logged)")
    assert as_json(made)[NOT_LOGGED] == 7


@pytest.mark.parametrize("value", ["\ud800", 1 << 70, {1: "x", (2,): 3}, object(), [float("nan")], Exception("x")])
def test_what_json_lacks_does_not_lose_the_line(value: object) -> None:
    assert as_json(record("m", value=value))["message"] == "m"


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.floats() | st.integers() | st.none()))
def test_every_text_is_one_line_that_controls_nothing(text: str, values: dict[str, object]) -> None:
    made = record("%s", text, values=values)
    as_json(made)
    assert all(line.isprintable() for line in console(made))


def test_milliseconds_are_rounded_down() -> None:
    assert timestamp(0.9999) == "1970-01-01T00:00:00.999Z"


def test_values_with_spaces_and_quotes_are_quoted() -> None:
    fields = {
        "a": 1,
        "b": None,
        "c": "gpt-4.1",
        "d": 'x "y" =z',
        "e": ["one: two", "three"],
        "f": "",
        "h": 0.000018,
    }
    assert as_text(fields) == 'a=1 c=gpt-4.1 d="x \\"y\\" =z" e="one: two, three" f="" h=0.000018'


def test_fields_that_the_message_does_not_say_are_appended() -> None:
    made = record("ended", **log_fields("ended", seconds=2, cost=None), **{SHOWS_FIELDS: {"seconds": 2}, NOT_LOGGED: 3})
    assert console(made)[0].endswith("WARNING a.b: ended: seconds=2 (3 more like this were not logged)")
    assert SHOWS_FIELDS not in as_json(made)
