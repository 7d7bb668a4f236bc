"""Time to first content of an upstream: a moving mean and the 95th percentile. Pure."""

from collections import deque
from dataclasses import dataclass, field

from gateway.routing.percentile import percentile

WEIGHT = 0.2
"""Weight of the newest time in the exponential moving mean."""

WINDOW = 200
"""Number of recent times that the percentile is computed from."""

MIN_SAMPLES = 20
"""Number of times needed for a percentile: the 95th of fewer would be their maximum."""


@dataclass(slots=True)
class LatencyStats:
    """Times to first content, in seconds. Calls that were cancelled before content count too; see `add_timeout`."""

    mean: float | None = None
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, seconds: float) -> None:
        """Add a time to first content."""
        self.mean = seconds if self.mean is None else self.mean + WEIGHT * (seconds - self.mean)
        self._times.append(seconds)

    def add_timeout(self, seconds: float) -> None:
        """Add the time after which a call without content was given up, if that is longer than the mean.

        The call would have taken longer (a censored sample). Without it, the statistics would hold only the calls that
        won their race, and a slow upstream would look fast. A shorter time says nothing.
        """
        if self.mean is None or seconds > self.mean:
            self.add(seconds)

    @property
    def p95(self) -> float | None:
        """Return the 95th percentile in seconds (nearest rank), or None with fewer than `MIN_SAMPLES` times."""
        if len(self._times) < MIN_SAMPLES:
            return None
        return percentile(self._times, 0.95)
