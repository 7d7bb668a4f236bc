"""How long an upstream takes to its first content: a moving estimate, and what 95 of 100 stay below. Pure."""

from collections import deque
from dataclasses import dataclass, field

from gateway.routing.percentile import percentile

WEIGHT = 0.2
"""Of the newest time in the moving mean."""

WINDOW = 200
"""Times looked at for the percentile."""

ENOUGH = 20
"""Times that a percentile needs: of fewer, the 95th is the longest."""


@dataclass(slots=True)
class LatencyStats:
    """Times to first content, in seconds. One that was cut off would have taken longer; see `add_timeout`."""

    mean: float | None = None
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, seconds: float) -> None:
        """Count one."""
        self.mean = seconds if self.mean is None else self.mean + WEIGHT * (seconds - self.mean)
        self._times.append(seconds)

    def add_timeout(self, seconds: float) -> None:
        """Count one that was cut off: it tells something only when it was waited for longer than was to be expected."""
        if self.mean is None or seconds > self.mean:
            self.add(seconds)

    @property
    def p95(self) -> float | None:
        """Give the time that 95 of 100 stay below; None while there are too few to tell."""
        if len(self._times) < ENOUGH:
            return None
        return percentile(self._times, 0.95)
