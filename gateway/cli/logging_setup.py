"""Logging to standard error. The text of a record stays inside the record.

Messages contain text of others: names of models, messages of libraries. A line break in it would start what looks like
another record (CWE-117), and an escape sequence would control the terminal of the reader.
"""

import logging
import sys
from typing import Final, TextIO

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

WORKER_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"

_INDENT: Final = "    "


class EscapingFormatter(logging.Formatter):
    """Formatter that escapes control characters and indents every line of a record after the first."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, with its traceback if there is one."""
        lines = super().format(record).split("\n")
        return f"\n{_INDENT}".join(map(escape, lines))


def escape(text: str) -> str:
    """Replace characters that are not printable by escape sequences as in a string literal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Handler that writes to standard error, and drops a record that standard error does not take.

    `logging` would print a traceback for each of them, to the same full disk or closed pipe.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        """Ignore errors of the stream; report all others, which are errors of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def configure() -> None:
    """Configure the root logger: warnings and errors go to standard error."""
    handler = StandardErrorHandler()
    handler.setFormatter(EscapingFormatter(LOG_FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def show_process() -> None:
    """Add the process id to each record: several workers write to one standard error."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(EscapingFormatter(WORKER_LOG_FORMAT))
