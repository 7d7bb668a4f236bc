"""Whether the shared store can be used: what depends on it, what is logged about it, and when it is tried again."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.clock import Clock
from gateway.log_fields import log_fields
from gateway.protocol.errors import Code, Refused
from gateway.store.errors import StoreError, StoreFault

logger = logging.getLogger(__name__)

READABLE: Final[frozenset[StoreFault]] = frozenset({"full", "read_only"})
"""Faults of a store that answers, but stores nothing."""

QUIET_SECONDS: Final = 10.0
"""Minimum time between two messages of the log with one reason: a store may come and go many times a second."""

RETRY: Final = 0.25
"""Longest time until a store that has failed is used again, as a part of the interval between two renewals.

That costs little: while a server does not answer, its client connects only at growing intervals.
"""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the store can't be used; `since` is in seconds of the gateway's clock."""

    fault: StoreFault
    message: str
    since: float


class StoreHealth:
    """Whether the store can be used by this gateway. It can't before the first `on_success`."""

    def __init__(self, clock: Clock) -> None:
        self.outage: Outage | None = None
        self.outages = 0
        self._clock = clock
        self.is_connected = False
        """The client of the store has started."""
        self.on_lost: Callable[[], None] | None = None
        """Called when the store can't be used any more."""
        self._has_started = False
        self._recovered_at = -inf
        self._logged: StoreFault | None = None
        """The newest reason of this outage that was logged."""
        self._logged_at: dict[StoreFault, float] = {}

    @property
    def is_up(self) -> bool:
        """Return True if the store can be used."""
        return self._has_started and self.outage is None

    @property
    def can_read(self) -> bool:
        """Return True if reads may succeed. If they would only wait for a time-out, clients are refused at once."""
        return self.is_connected and (self.outage is None or self.outage.fault in READABLE)

    def is_recovering(self, seconds: float) -> bool:
        """Return True in the first seconds after an outage: what the store lacks, other gateways may still write."""
        return self._clock.now() < self._recovered_at + seconds

    def on_error(self, error: StoreError) -> None:
        """Record that the store has failed. The log tells the first failure, and another kind of failure."""
        former, now = self.outage, self._clock.now()
        self.outages += former is None
        if former is None or former.fault != error.fault:
            self.outage = Outage(error.fault, error.message, now if former is None else former.since)
        if former is None and self.on_lost is not None:
            self.on_lost()
        if self._logged != error.fault and now - self._logged_at.get(error.fault, -inf) >= QUIET_SECONDS:
            self._logged, self._logged_at[error.fault] = error.fault, now
            fields = log_fields("store_lost", fault=error.fault, reason=error.message)
            logger.warning("the store can't be used (%s): %s", error.fault, error.message, extra=fields)

    def on_success(self, written: int) -> None:
        """Record that the store can be used; `written` is the number of generations that it lacked something of."""
        outage, self.outage = self.outage, None
        if self._has_started:
            self._recovered_at = self._clock.now()
        self._has_started = True
        if outage is not None and self._logged is not None:
            self._logged = None
            seconds = self._clock.now() - outage.since
            logger.warning(
                "the store can be used again, after %.1f s: %d generations were written",
                *(seconds, written),
                extra=log_fields("store_back", seconds=round(seconds, 1), generations=written),
            )

    def delay(self, interval: float) -> float:
        """Return the time until the next use, of which there is one each `interval` while all is well.

        While the store fails it is shorter, and random: gateways that lost it together do not come back together.
        """
        if self.is_up:
            return interval
        return interval * RETRY * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret

    def unavailable(self) -> Refused:
        """Build the refusal of what needs the store."""
        return store_unavailable("unreachable" if self.outage is None else self.outage.fault)

    def stats(self) -> dict[str, object]:
        """Return its figures for `GET /api/stats`."""
        outage = self.outage
        return {
            "up": self.is_up,
            "fault": None if outage is None else outage.fault,
            "down_seconds": None if outage is None else round(self._clock.now() - outage.since, 3),
            "outages": self.outages,
        }


def store_unavailable(fault: StoreFault) -> Refused:
    """Build the refusal of what needs the store, which has failed in this way."""
    return unavailable(f"The store that the gateways share can't be used now ({fault}): try again.")


def unavailable(message: str) -> Refused:
    """Build the refusal of what may succeed if it is tried again in a second."""
    return Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=1000)
