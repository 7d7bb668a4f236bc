"""How the log is written: what a record says, whoever said it, stays within the record.

Messages hold what others chose: the names of models, the words of a library. A line break in one of them would begin
what looks like a record of its own, and an escape sequence would drive the terminal of who reads it.
"""

import logging
from typing import Final

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_INDENT: Final = "    "


class EscapingFormatter(logging.Formatter):
    """Writes a record with its control characters spelled out, and its further lines indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it, with its traceback if it has one."""
        lines = super().format(record).split("\n")
        return f"\n{_INDENT}".join(map(printable, lines))


def printable(text: str) -> str:
    """Give a text with what does not print spelled as in a string's literal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def configure() -> None:
    """Write all logs of this process to standard error, from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(EscapingFormatter(LOG_FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
