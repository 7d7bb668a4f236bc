"""A clock that tests advance by hand."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from gateway.clock import SystemClock, Timer


class ManualClock:
    """A clock that only `advance` and `pause` move."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._order = count()
        self._timers: list[tuple[float, int, ManualTimer]] = []

    def now(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> "ManualTimer":
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (self._now + delay, next(self._order), timer))
        return timer

    def after_reading(self, callback: Callable[[], None]) -> Timer:
        """Call `callback` as the system's clock does; at once where no event loop runs, so that nothing can wait."""
        try:
            return SystemClock().after_reading(callback)
        except RuntimeError:
            callback()
            return ManualTimer(callback)

    def pause(self, seconds: float) -> None:
        """Advance by some seconds without calling timers, as if the process had been stopped: they are late then."""
        self._now += seconds

    def advance(self, seconds: float) -> None:
        """Advance by some seconds; each timer that is due is called at its own time."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            if not timer.cancelled:
                callback = timer.callback
                timer.cancel()
                callback()
        self._now = end

    def due_times(self) -> list[float]:
        """Return when each timer is due that is still to be called."""
        return sorted(due for due, _, timer in self._timers if not timer.cancelled)

    @property
    def pending(self) -> int:
        """Return the number of timers that are still to be called."""
        return sum(not timer.cancelled for _, _, timer in self._timers)


@dataclass
class ManualTimer:
    """A timer of a manual clock."""

    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Drop the callback, as the event loop's own timers do."""
        self.cancelled, self.callback = True, lambda: None
