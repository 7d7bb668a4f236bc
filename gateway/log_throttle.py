"""Throttle for log messages that one cause repeats many times a second. Pure."""

from math import inf

INTERVAL = 60.0
"""Minimum seconds between two messages."""


class LogThrottle:
    """Remembers when the last message was logged."""

    def __init__(self) -> None:
        self._last = -inf

    def is_due(self, now: float) -> bool:
        """Return True at most once per `INTERVAL`, and record it. `now` is in seconds."""
        if now - self._last < INTERVAL:
            return False
        self._last = now
        return True
