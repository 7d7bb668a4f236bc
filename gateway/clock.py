"""Time as a dependency, so that tests move it by hand."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will be called, until it is cancelled."""

    def cancel(self) -> None:
        """Do not call it any more; also after it was called."""


class Clock(Protocol):
    """Where seconds come from."""

    def now(self) -> float:
        """Give seconds of a clock that only goes forward."""
        ...

    def unix(self) -> float:
        """Give seconds since 1970, which tell the day."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay` seconds from now."""
        ...


class SystemClock:
    """The running event loop's clock."""

    now = staticmethod(time.monotonic)
    unix = staticmethod(time.time)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the event loop."""
        return asyncio.get_running_loop().call_later(delay, callback)
