"""The two forms of a log line: for people and for programs. The text of a record stays inside the record.

Messages contain text of others: names of models, messages of libraries. A line break in it would start what looks like
another record (CWE-117), and an escape sequence would control the terminal of the reader.
"""

import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, final

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

_OWN: Final = frozenset({"time", "level", "logger", "pid", EVENT, "message", "exception", "stack", SHOWS_FIELDS})
"""Keys of a JSON line that no field can replace."""

Shown = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Returns those of an event's fields that the console form appends."""


class EventFormatter(logging.Formatter):
    """Formatter that also formats an event of which no record was made; the line is that of its record."""

    def format_event(
        self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object], shown: Shown
    ) -> str:
        """Return the line of an event; `created` is in seconds since 1970, and `fields` begin with the event's name."""
        raise NotImplementedError


@final
class ConsoleFormatter(EventFormatter):
    """Formatter for people: a line of text that escapes control characters; further lines of a record are indented."""

    def __init__(self, *, shows_process: bool = False) -> None:
        """`shows_process`: several processes write to one standard error."""
        super().__init__()
        self._shows_process = shows_process

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, with its traceback if there is one."""
        message = record.getMessage()
        shown: Mapping[str, object] | None = getattr(record, SHOWS_FIELDS, None)
        if shown is not None:
            message += f": {as_text(shown)}"
        line = self._line(record.created, record.levelname, record.name, record.process, message + _left_out(record))
        if record.exc_info or record.stack_info:
            return _indented("\n".join([line, *self._details(record)]))
        return line if line.isprintable() else _indented(line)

    def format_event(
        self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object], shown: Shown
    ) -> str:
        """Return the line of an event with the fields that are shown."""
        text = f"{message}: {as_text(shown(fields))}"
        line = self._line(created, level, logger, process_id(), text)
        return line if line.isprintable() else _indented(line)

    def _line(self, created: float, level: str, logger: str, process: int | None, text: str) -> str:
        pid = f" {process}" if self._shows_process else ""
        return f"{timestamp(created)} {level}{pid} {logger}: {text}"

    def _details(self, record: logging.LogRecord) -> Iterator[str]:
        if record.exc_info:
            yield self.formatException(record.exc_info)
        if record.stack_info:
            yield self.formatStack(record.stack_info)


@final
class JsonFormatter(EventFormatter):
    """Formatter for programs: one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON; a traceback is one field."""
        fields = fields_of(record)
        line: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
        }
        if EVENT in fields:
            line[EVENT] = fields[EVENT]
        line["message"] = record.getMessage()
        line |= {name: value for name, value in fields.items() if name not in _OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return escape_json(_encode(line))

    def format_event(
        self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object], shown: Shown
    ) -> str:
        """Return an event with all its fields as JSON."""
        line: dict[str, object] = {
            "time": timestamp(created),
            "level": level,
            "logger": logger,
            "pid": process_id(),
            EVENT: fields[EVENT],
            "message": message,
            **fields,
        }
        return escape_json(_encode(line))


def process_id() -> int | None:
    """Return the process that the records of this process name; None if `logging` is configured not to find it out."""
    return os.getpid() if logging.logProcesses else None


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


def _indented(text: str) -> str:
    """Return a text with its lines after the first one indented, and escaped."""
    return f"\n{_INDENT}".join(map(escape, text.split("\n")))


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
