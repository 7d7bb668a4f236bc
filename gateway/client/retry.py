"""When to retry, and when to give up: exponential backoff with full jitter, reset by progress."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.client.frames import ConnectionLost
from gateway.protocol.errors import Failed, Refused

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Retries:
    """Limits of retries. `start_failures` and `resume_failures` count failures in a row; times are in seconds."""

    start_failures: int = 5
    resume_failures: int = 10
    base_s: float = 0.2
    cap_s: float = 10.0
    longest_retry_after_s: float = 60.0

    def delay(self, failure: int, chance: float) -> float:
        """Return the seconds to wait after this failure in a row; `chance`, uniform in [0, 1), is the full jitter."""
        return chance * min(self.cap_s, self.base_s * 2.0 ** (failure - 1))


@dataclass(frozen=True, slots=True)
class RetryNotice:
    """Attempt `failure` of `failures` failed, and the next one follows after `delay_s`. For display to users."""

    reason: str
    failure: int
    failures: int
    delay_s: float


class RetryPolicy:
    """Counts failures in a row, waits between attempts, and gives up after `failures` of them."""

    def __init__(
        self,
        retries: Retries,
        failures: int,
        *,
        sleep: Sleep,
        random: Callable[[], float],
        notice: Callable[[RetryNotice], None] | None,
    ) -> None:
        self._retries = retries
        self._failures = failures
        self._sleep = sleep
        self._random = random
        self._notice = notice
        self._failed = 0

    def reset(self) -> None:
        """Forget earlier failures, because there was progress."""
        self._failed = 0

    async def wait_after(self, error: ConnectionLost | Refused) -> None:
        """Wait before the next attempt, at least as long as the gateway asks for.

        Raises:
            Refused: the error itself, if it is not retryable, would wait too long, or was the last attempt.
            Failed: if the connection was lost on the last attempt; `network_error`, or what the gateway closed it with.
        """
        self._failed += 1
        last = self._failed >= self._failures
        retry_after_s = 0.0
        if isinstance(error, Refused):
            retry_after_s = (error.retry_after_ms or 0) / 1000
            if last or not error.retryable or retry_after_s > self._retries.longest_retry_after_s:
                raise error
        elif last:
            attempts = f" (tried {self._failed} times)" if self._failed > 1 else ""
            raise Failed(error.code, f"{error}{attempts}") from error
        # The jitter is added to the requested wait: clients that wait for the same time must not return together.
        delay_s = retry_after_s + self._retries.delay(self._failed, self._random())
        if self._notice is not None:
            reason = error.message if isinstance(error, Refused) else str(error)
            self._notice(RetryNotice(reason, self._failed, self._failures, delay_s))
        await self._sleep(delay_s)
