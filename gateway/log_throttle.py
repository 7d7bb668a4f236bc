"""Throttle for log messages that one cause repeats many times a second. Pure."""

from math import inf

INTERVAL = 60.0
"""Minimum seconds between two messages."""

MAX_KEYS = 10
"""Maximum number of messages about different keys in that time: clients may choose the keys."""


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


class KeyedLogThrottle:
    """Remembers when the last message about each key was logged, for at most `MAX_KEYS` keys per `INTERVAL`."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def is_due(self, key: str, now: float) -> bool:
        """Return True at most once per `INTERVAL` for one key, and record it. `now` is in seconds."""
        self._last = {known: logged for known, logged in self._last.items() if now - logged < INTERVAL}
        if key in self._last or len(self._last) >= MAX_KEYS:
            return False
        self._last[key] = now
        return True


class CountingLogThrottle:
    """Counts what happens for each key of a fixed set, and says when to log how often."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def count(self, key: str, now: float) -> int:
        """Count one more; at most once per `INTERVAL` return how many there were since the last time, else 0."""
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if now - self._last.get(key, -inf) < INTERVAL:
            return 0
        self._last[key], self._counts[key] = now, 0
        return count
