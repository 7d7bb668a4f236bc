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
