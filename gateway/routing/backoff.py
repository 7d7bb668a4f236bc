"""Whether to retry a failed call, and how long to wait first. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.protocol.errors import Failed


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"). Times in seconds.

    The fields have the names of their settings. `max_attempts` counts all calls, the first one included.
    `retry_within` bounds the time from the start of the first call to the start of the last one.
    """

    max_attempts: int = 4
    retry_base: float = 1.0
    retry_longest: float = 10.0
    retry_within: float = 60.0

    def delay(self, failure: Failed, failures: int, elapsed: float, random: Callable[[], float]) -> float | None:
        """Return the wait before the next attempt, or None if there must be none.

        `failures` counts the failed attempts so far, `elapsed` the time since the first call, and `random` returns a
        number from 0 to 1. A provider that says when to come back is never called earlier. If that is later than
        `retry_within` allows, it is not called again.
        """
        if not failure.retryable or failures >= self.max_attempts:
            return None
        # Full jitter: calls that failed together, because their provider did, must not return together.
        delay = random() * min(self.retry_longest, self.retry_base * 2 ** (failures - 1))
        if failure.retry_after_ms is not None:
            # Jitter is added, not subtracted: a rate limit answers every call before that time with another 429.
            delay = failure.retry_after_ms / 1000 + min(delay, self.retry_base)
        return delay if elapsed + delay <= self.retry_within else None
