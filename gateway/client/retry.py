"""When to try again, and when to give up: exponential backoff with full jitter, reset by progress."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.client.frames import ConnectionLost
from gateway.protocol.errors import Code, Failed, Refused

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Retries:
    """How often to try again and how long to wait between, in seconds; counts are of failures in a row."""

    start_failures: int = 5
    resume_failures: int = 10
    base_s: float = 0.2
    cap_s: float = 10.0
    longest_retry_after_s: float = 60.0

    def delay(self, failure: int, chance: float) -> float:
        """Give the seconds to wait after so many failures in a row; `chance`, even in 0 to 1, is the full jitter."""
        return chance * min(self.cap_s, self.base_s * 2.0 ** (failure - 1))


@dataclass(frozen=True, slots=True)
class RetryNotice:
    """A try failed and another follows after `delay_s`: something to show."""

    reason: str
    failure: int
    failures: int
    delay_s: float


class RetryPolicy:
    """Counts failures in a row, waits between them, and gives up after `failures` of them."""

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

    def progress(self) -> None:
        """Forget earlier failures."""
        self._failed = 0

    async def after(self, error: ConnectionLost | Refused) -> None:
        """Wait before the next try, as long as the gateway asked for at least.

        Raises:
            Refused: the error itself, if trying again can't help or must wait too long, or it was tried often enough.
            Failed: `network_error`, for a cut after as many tries.
        """
        self._failed += 1
        last = self._failed >= self._failures
        asked_s = 0.0
        if isinstance(error, Refused):
            asked_s = (error.retry_after_ms or 0) / 1000
            if last or not error.retryable or asked_s > self._retries.longest_retry_after_s:
                raise error
        elif last:
            tries = f" (tried {self._failed} times)" if self._failed > 1 else ""
            raise Failed(Code.NETWORK_ERROR, f"{error}{tries}") from error
        delay_s = asked_s + self._retries.delay(self._failed, self._random())
        if self._notice is not None:
            reason = error.message if isinstance(error, Refused) else str(error)
            self._notice(RetryNotice(reason, self._failed, self._failures, delay_s))
        await self._sleep(delay_s)
