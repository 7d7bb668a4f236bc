"""The clients that come back to another gateway: when this one drains, they are sent away, a few at a time."""

import random
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock, RestartableTimer
from gateway.protocol.errors import Code, Refused

STEP_SECONDS: Final = 0.05
"""Time between two groups of clients that are sent away."""

MIN_SECONDS: Final = 1.0
"""Time over which clients are sent away at least: they come back at once, and all of them to the others."""

PER_SECOND: Final = 1000
"""Clients that are sent away in a second, where there are more."""


class Departures:
    """The connections whose clients can continue elsewhere. `begin` ends them, in random order."""

    def __init__(self, clock: Clock) -> None:
        self.is_announced = False
        """Connections are closed after their response: the next request goes to another gateway."""
        self.has_begun = False
        """Clients are sent away, and no new ones are admitted."""
        self._timer = RestartableTimer(clock)
        self._staying: dict[Callable[[], None], None] = {}
        self._leaving: list[Callable[[], None]] = []
        self._per_step = 1
        self._on_empty: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._staying)

    def add(self, leave: Callable[[], None]) -> None:
        """Register what ends a connection, so that its client connects to another gateway."""
        self._staying[leave] = None
        if self.has_begun:
            self._leaving.append(leave)
            self._schedule()

    def remove(self, leave: Callable[[], None]) -> None:
        """Remove a connection that has ended; an unknown one is ignored."""
        self._staying.pop(leave, None)

    def check_open(self) -> None:
        """Check that clients may still begin to read here.

        Raises:
            Refused: `shutting_down`.
        """
        if self.has_begun:
            message = "The gateway is shutting down: connect again, to another gateway."
            raise Refused(Code.SHUTTING_DOWN, message, retry_after_ms=500)

    def begin(self) -> None:
        """Send all clients away; a second time does nothing."""
        if self.has_begun:
            return
        self.is_announced = self.has_begun = True
        self._leaving = list(self._staying)
        random.shuffle(self._leaving)
        seconds = max(MIN_SECONDS, len(self._leaving) / PER_SECOND)
        self._per_step = max(1, round(len(self._leaving) * STEP_SECONDS / seconds))
        self._schedule()

    def on_empty(self, callback: Callable[[], None]) -> None:
        """Call `callback` once all have been sent away, which may be now."""
        self._on_empty = callback
        self._schedule()

    def close(self) -> None:
        """Stop sending clients away."""
        self._timer.cancel()
        self._leaving.clear()

    def _schedule(self) -> None:
        if self._leaving:
            self._timer.start(STEP_SECONDS, self._send_some_away)
        elif self._on_empty is not None:
            callback, self._on_empty = self._on_empty, None
            callback()

    def _send_some_away(self) -> None:
        group, self._leaving = self._leaving[: self._per_step], self._leaving[self._per_step :]
        for leave in group:
            if leave in self._staying:
                leave()
        self._schedule()
