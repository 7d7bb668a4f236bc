"""Log an event without a record, where nothing but our own writer would see the record.

`logging` makes a record of some 22 attributes, looks for its caller, and asks loggers, handlers and filters one after
the other: a hundred calls, for a line that needs none of that. Anything else that is configured gets its record.
"""

import logging
import time
from collections.abc import Mapping
from logging import getLogger
from types import FunctionType
from typing import Final

from gateway.telemetry.logs.format import SHOWS_FIELDS, EventFormatter, Shown
from gateway.telemetry.logs.rate import RateFilter
from gateway.telemetry.logs.writer import LogWriter, encode_line


def _standard(method: object) -> object:
    """Return a method of `logging` that has not been replaced, as tools that watch errors do; else None."""
    is_standard = isinstance(method, FunctionType) and method.__code__.co_filename == getLogger.__code__.co_filename
    return method if is_standard else None


_HANDLE: Final = _standard(logging.Logger.handle)
_CALL_HANDLERS: Final = _standard(logging.Logger.callHandlers)


def log_unlimited(logger: logging.Logger, level: int, message: str, fields: Mapping[str, object], shown: Shown) -> None:
    """Log an event of those of which every record counts (`rate.UNLIMITED`), at a level that is enabled.

    The console form appends the fields that `shown` returns. `logger.log` with these as `extra` has the same effect.
    """
    writer = own_writer(logger, level)
    formatter = None if writer is None else writer.formatter
    if writer is not None and isinstance(formatter, EventFormatter):
        try:
            line = formatter.format_event(time.time(), logging.getLevelName(level), logger.name, message, fields, shown)
        except Exception:  # noqa: BLE001 - a field that has no text: the handler reports what it can't format
            line = ""
        if line:
            writer.write_line(encode_line(line), is_urgent=level >= logging.WARNING)
            return
    # The caller of the record is that of this function.
    logger.log(level, message, extra={**fields, SHOWS_FIELDS: shown(fields)}, stacklevel=2)


def own_writer(logger: logging.Logger, level: int) -> LogWriter | None:
    """Return our writer if it is all that a record of a logger would reach; None if anything else may see it."""
    if (
        type(logger) is not logging.Logger
        or logger.filters
        or logging.getLogRecordFactory() is not logging.LogRecord
        or logging.Logger.handle is not _HANDLE
        or logging.Logger.callHandlers is not _CALL_HANDLERS
    ):
        return None
    found: LogWriter | None = None
    above: logging.Logger | None = logger
    while above is not None:
        for handler in above.handlers:
            if found is not None or type(handler) is not LogWriter or handler.level > level:
                return None
            found = handler
        above = above.parent if above.propagate else None
    if found is not None:
        for each in found.filters:
            if type(each) is not RateFilter:
                return None
    return found
