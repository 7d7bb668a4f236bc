"""How long to wait before the next attempt, and whether there is to be one."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.protocol.errors import Failed


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter (Amazon's "Exponential Backoff And Jitter"). Times in seconds.

    `attempts` counts all calls, the first one too; `within` bounds the time from the first call to the last one's
    beginning.
    """

    max_attempts: int = 4
    retry_base: float = 1.0
    retry_longest: float = 10.0
    retry_within: float = 60.0

    def delay(self, failure: Failed, failed: int, elapsed: float, chance: Callable[[], float]) -> float | None:
        """Give the wait before the next attempt after `failed` ones, or None if there is to be none.

        A provider that says when to come back is not asked before; if that is too late for us, it is not asked
        again. `chance` gives a number from 0 to 1.
        """
        if not failure.retryable or failed >= self.max_attempts:
            return None
        delay = chance() * min(self.retry_longest, self.retry_base * 2 ** (failed - 1))
        if failure.retry_after_ms is not None:
            delay = failure.retry_after_ms / 1000 + min(delay, self.retry_base)
        return delay if elapsed + delay <= self.retry_within else None
