"""Where the log goes, and in which form: standard error, by the formatters of `gateway.telemetry.logs.format`."""

import logging
import sys
import time
from typing import Final, TextIO

from gateway.telemetry.logs.format import ConsoleFormatter, JsonFormatter, LogFormat
from gateway.telemetry.logs.level import set_level
from gateway.telemetry.logs.rate import RateFilter
from gateway.telemetry.logs.writer import LogWriter, write_to

STANDARD_ERROR: Final = 2
"""Its file descriptor: `gateway.standard_streams` has opened it if it was closed."""


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Handler that writes to standard error, and drops a record that standard error does not take.

    `logging` would print a traceback for each of them, to the same full disk or closed pipe.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        """Ignore errors of the stream; report all others, which are errors of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def configure() -> None:
    """Configure the root logger for a command: warnings and errors go to standard error, one after the other."""
    handler = StandardErrorHandler()
    handler.setFormatter(ConsoleFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)  # noqa: FBT003 (the parameter of logging)


def configure_server(log_format: LogFormat, log_level: str, *, is_worker: bool) -> None:
    """Configure the log of a server: in the form and from the level on that the settings name, by a thread.

    The lines of several workers on one standard error show their process.
    """
    handler = LogWriter(write_to(STANDARD_ERROR))
    handler.setFormatter(JsonFormatter() if log_format == "json" else ConsoleFormatter(shows_process=is_worker))
    handler.addFilter(RateFilter(time.monotonic))
    logging.basicConfig(handlers=[handler], force=True)
    set_level(log_level)
    # What no line of ours shows is not looked up for each record (docs.python.org, Logging HOWTO, "Optimization").
    logging._srcfile = None  # noqa: SLF001 - its documented name
    logging.logThreads = logging.logMultiprocessing = False
