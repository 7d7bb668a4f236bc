"""The two forms of a log line: for people and for programs. The text of a record stays inside the record.

Messages contain text of others: names of models, messages of libraries. A line break in it would start what looks like
another record (CWE-117), and an escape sequence would control the terminal of the reader.
"""

import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

import orjson

from gateway.log_fields import EVENT

LogFormat = Literal["console", "json"]

NOT_LOGGED: Final = "not_logged"
"""Attribute of a record: how many like it were left out before it; see `RateFilter`."""

SHOWS_FIELDS: Final = "shows_fields"
"""Attribute of a record whose message does not say what its fields say: those that the console form appends."""

_INDENT: Final = "    "

_BARE: Final = re.compile(r"[\w.:/@+-]+", re.ASCII)
"""A value that needs no quotes."""

_STANDARD: Final = frozenset({*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime"})
"""Attributes of every record; all others are fields."""

_OWN: Final = ("time", "level", "logger", "pid", EVENT, "message", "exception", "stack", SHOWS_FIELDS)
"""Keys of a JSON line that no field can replace."""


class ConsoleFormatter(logging.Formatter):
    """Formatter for people: a line of text that escapes control characters; further lines of a record are indented."""

    def __init__(self, *, shows_process: bool = False) -> None:
        """`shows_process`: several processes write to one standard error."""
        super().__init__()
        self._shows_process = shows_process

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, with its traceback if there is one."""
        process = f" {record.process}" if self._shows_process else ""
        head = f"{timestamp(record.created)} {record.levelname}{process} {record.name}: "
        message = record.getMessage()
        shown: Mapping[str, object] | None = getattr(record, SHOWS_FIELDS, None)
        if shown is not None:
            message += f": {as_text(shown)}"
        line = head + message + _left_out(record)
        if not (record.exc_info or record.stack_info) and line.isprintable():
            # Nearly every line.
            return line
        parts = [line, *self._details(record)]
        return f"\n{_INDENT}".join(map(escape, "\n".join(parts).split("\n")))

    def _details(self, record: logging.LogRecord) -> Iterator[str]:
        if record.exc_info:
            yield self.formatException(record.exc_info)
        if record.stack_info:
            yield self.formatStack(record.stack_info)


class JsonFormatter(logging.Formatter):
    """Formatter for programs: one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON; a traceback is one field."""
        line: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
        }
        fields = fields_of(record)
        if EVENT in fields:
            line[EVENT] = fields[EVENT]
        line["message"] = record.getMessage()
        line.update((name, value) for name, value in fields.items() if name not in _OWN)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return escape_json(_encode(line))


def fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    """Return what the `extra` of a log call has added to its record."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def as_text(fields: Mapping[str, object]) -> str:
    """Return fields as `name=value`, separated by spaces; those that are None are left out."""
    parts = []
    for name, value in fields.items():
        if type(value) is int or (type(value) is str and _BARE.fullmatch(value)):
            # Nearly every value.
            parts.append(f"{name}={value}")
        elif value is not None:
            parts.append(f"{name}={_value(value)}")
    return " ".join(parts)


def quoted(text: str) -> str:
    """Return the value of a field as it stands in a line: in quotes if it could be taken for more than one."""
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def timestamp(seconds: float) -> str:
    """Return a time in seconds since 1970 as ISO 8601 in UTC, with milliseconds."""
    fraction, whole = math.modf(seconds)
    # Rounded to microseconds, as `datetime` does: 0.03 s is less than that in binary.
    carried, microseconds = divmod(round(fraction * 1e6), 1_000_000)
    return f"{_whole_second(int(whole) + carried)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=4)
def _whole_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def escape(text: str) -> str:
    """Replace characters that are not printable by escape sequences as in a string literal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def escape_json(text: str) -> str:
    r"""Replace characters that are not printable by `\u` sequences. In a JSON text, they stand only in strings.

    JSON requires that for those below U+0020 alone (RFC 8259, section 7): CSI (U+009B) and marks of direction would
    still control a terminal.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def _encode(line: Mapping[str, object]) -> str:
    try:
        return _dumps(line).decode()
    except TypeError:
        return _dumps({_as_text(name): _encodable(value) for name, value in line.items()}).decode()


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return quoted(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _dumps(value: object) -> bytes:
    # A dataclass as its text: that leaves out secrets (`repr=False`), its fields would not.
    return orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _encodable(value: object) -> object:
    """Return a value, or its text if JSON lacks it: a lone surrogate, an integer of more than 64 bits."""
    try:
        _dumps(value)
    except TypeError:
        return _as_text(value)
    return value


def _as_text(value: object) -> str:
    return str(value).encode(errors="backslashreplace").decode()


def _left_out(record: logging.LogRecord) -> str:
    count = getattr(record, NOT_LOGGED, 0)
    return f" ({count} more like this were not logged)" if count else ""
