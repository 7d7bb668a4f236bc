"""Clock interface, so that tests can control time."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A scheduled call that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the call. Does nothing after it was made."""


class Clock(Protocol):
    """A source of time, in seconds."""

    def now(self) -> float:
        """Return seconds of a monotonic clock."""
        ...

    def unix(self) -> float:
        """Return seconds since 1970 (UTC), for expiry times and days."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, in `delay` seconds."""
        ...


class SystemClock:
    """The system's clocks, and timers of the running event loop."""

    now = staticmethod(time.monotonic)
    unix = staticmethod(time.time)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the running event loop in `delay` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback)


class RestartableTimer:
    """A timer with at most one pending call: starting it again replaces that call."""

    __slots__ = ("_callback", "_clock", "_pending")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: Timer | None = None
        self._callback: Callable[[], None] | None = None

    def start(self, delay: float, callback: Callable[[], None]) -> None:
        """Call `callback` once, `delay` seconds from now, in place of what is pending."""
        if self._pending is not None:
            self._pending.cancel()
        self._callback = callback
        self._pending = self._clock.call_later(delay, self._fire)

    def cancel(self) -> None:
        """Cancel the pending call; without one it does nothing."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = self._callback = None

    def _fire(self) -> None:
        callback = self._callback
        # Cleared first: the callback may start the timer again, and a reference that stays would be a cycle.
        self._pending = self._callback = None
        if callback is not None:
            callback()
