"""The fields of a log record, for programs that read the log. Pure.

The message of a record says everything for people. Its fields say the same for programs: a formatter for JSON writes
them, and so do the formatters of other libraries, because they are passed as `extra` of the standard library.
"""

from collections.abc import Mapping
from typing import Final

EVENT: Final = "event"
"""Attribute of a record with the stable name of what happened; the message may change."""


def log_fields(event: str, **fields: object) -> Mapping[str, object]:
    """Return the `extra` of a log call: the name of the event, and its fields.

    `logging` refuses names that its records have themselves, such as `name` and `args`. Values are numbers, strings,
    booleans, None, and lists of them. docs/operations/logs.md lists all events.
    """
    return {EVENT: event, **fields}
