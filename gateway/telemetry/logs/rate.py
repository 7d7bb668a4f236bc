"""How many records of one kind are logged: a client that misbehaves can't fill a disk. Pure but for the filter.

The places that log what clients cause have throttles of their own, by key. This one is the bound of all of them
together, and of what no place has thought of: the kinds are the events of the code, of which there is a fixed number.
"""

import logging
from collections.abc import Callable
from typing import Final

from gateway.log_fields import EVENT
from gateway.telemetry.logs.format import NOT_LOGGED

BURST: Final = 20
"""Maximum number of records of one kind at once."""

PER_SECOND: Final = BURST / 60
"""The rate at which more are allowed."""

UNLIMITED: Final = frozenset({"generation_ended", "admin_action"})
"""Events of which every record counts. Rate limits of starts bound the former, and operators cause the latter."""


class KindLimit:
    """A token bucket for the records of one kind. `now` is in seconds."""

    __slots__ = ("_left", "_refused", "_updated")

    def __init__(self, now: float) -> None:
        self._left = float(BURST)
        self._updated = now
        self._refused = 0

    def admit(self, now: float) -> int | None:
        """Return how many records were left out since the last one; None if this one is to be left out, too."""
        self._left = min(float(BURST), self._left + (now - self._updated) * PER_SECOND)
        self._updated = now
        if self._left < 1:
            self._refused += 1
            return None
        self._left -= 1
        refused, self._refused = self._refused, 0
        return refused


class RateFilter(logging.Filter):
    """Filter of a handler that leaves out records of a kind of which there are too many, and counts them."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._limits: dict[tuple[str, int], KindLimit] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if a record is to be logged. The one after those that were left out gets their number."""
        event = getattr(record, EVENT, None)
        # Who asks for the steps of each generation asks for all of them.
        if event in UNLIMITED or record.levelno <= logging.DEBUG:
            return True
        # A record without an event is of a library: its messages may be any text, its logger and level can't.
        kind, now = (event if isinstance(event, str) else record.name, record.levelno), self._now()
        limit = self._limits.get(kind)
        if limit is None:
            limit = self._limits[kind] = KindLimit(now)
        left_out = limit.admit(now)
        if left_out:
            setattr(record, NOT_LOGGED, left_out)
        return left_out is not None
