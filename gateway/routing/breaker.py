"""Protect a failing provider from further calls: a circuit breaker and a retry budget. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.protocol.errors import Code, Failed

PROVIDER_FAULTS = frozenset(
    {
        Code.NETWORK_ERROR,
        Code.SERVER_ERROR,
        Code.TIMEOUT,
        Code.FIRST_TOKEN_TIMEOUT,
        Code.STALLED,
        Code.TRUNCATED,
        Code.UPSTREAM_PROTOCOL,
    }
)
"""Codes that count against a provider. A refused request or a rate limit does not: it shows that the provider works."""


class Circuit(StrEnum):
    """State of a circuit breaker: closed lets all calls pass, open none, half-open one probe at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Opening:
    """An open circuit: until when no call passes, and how long that took in all. `message` is that of the failure."""

    until: float
    cooldown: float
    message: str


@dataclass(slots=True)
class Breaker:
    """Circuit breaker of one target. Opens after `threshold` consecutive failures, for `cooldown` seconds.

    After the cooldown, single probes pass. A failed probe doubles the cooldown, up to `max_cooldown` seconds; a
    successful one closes the circuit. `threshold` is the setting `breaker_failures` (0 disables the breaker),
    `cooldown` is `breaker_rest`.
    """

    threshold: int = 5
    cooldown: float = 5.0
    max_cooldown: float = 60.0
    _failures: int = field(init=False, default=0)
    _open_until: float = field(init=False, default=0.0)
    _current_cooldown: float = field(init=False, default=0.0)
    _probing: bool = field(init=False, default=False)
    _last_message: str = field(init=False, default="")
    """Message of the last failure, which may be one that only an operator can mend."""

    def circuit(self, now: float) -> Circuit:
        """Return the state of the circuit at `now`."""
        if not self.threshold or self._failures < self.threshold:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._open_until else Circuit.HALF_OPEN

    @property
    def opening(self) -> Opening | None:
        """Return why the circuit is open or half-open; None if it is closed."""
        if not self.threshold or self._failures < self.threshold:
            return None
        return Opening(self._open_until, self._current_cooldown, self._last_message)

    def adopt(self, opening: Opening | None) -> None:
        """Open the circuit as another gateway has, or, with None, close it; a disabled breaker ignores it.

        Once its time is over, each gateway lets a probe of its own pass.
        """
        if not self.threshold:
            return
        if opening is None:
            self._failures, self._current_cooldown = 0, 0.0
            return
        self._failures = max(self._failures, self.threshold)
        self._open_until, self._last_message = opening.until, opening.message
        self._current_cooldown = min(opening.cooldown, self.max_cooldown)

    def ready_at(self, now: float) -> float:
        """Return the earliest time at which a call may pass, as far as is known now."""
        circuit = self.circuit(now)
        if circuit is Circuit.CLOSED or (circuit is Circuit.HALF_OPEN and not self._probing):
            return now
        # It is not known when the running probe will end: check again after a fraction of the cooldown.
        return max(self._open_until, now + self.cooldown / 5)

    def admit(self, now: float) -> bool:
        """Admit a call, whose result the caller must `record`. Return True if it is a probe.

        Raises:
            Failed: `server_error` with the time to wait, while the circuit is open or a probe runs.
        """
        circuit = self.circuit(now)
        if circuit is Circuit.CLOSED:
            return False
        if circuit is Circuit.OPEN or self._probing:
            message = (
                f"The provider keeps failing and is not called for a while. Its last failure: {self._last_message}"
            )
            wait = self.ready_at(now) - now
            raise Failed(Code.SERVER_ERROR, message, retry_after_ms=round(wait * 1000))
        self._probing = True
        return True

    def record(self, failure: Failed | None, now: float, *, answered: bool, probe: bool = False) -> Circuit | None:
        """Record the result of an admitted call: a failure, an answer, or neither (cancelled before its first content).

        `probe` is what `admit` returned. Calls admitted while the circuit was closed may fail after it has opened.
        Those failures say nothing new: they are ignored, and neither end a probe nor extend the cooldown.

        Return the state of the circuit if that has changed.
        """
        if failure is None and not self._failures and not probe:
            # Most calls: there is nothing to reset.
            return None
        before = self.circuit(now)
        self._count(failure, now, answered=answered, probe=probe)
        after = self.circuit(now)
        return None if after is before else after

    def _count(self, failure: Failed | None, now: float, *, answered: bool, probe: bool) -> None:
        if probe:
            self._probing = False
        elif self._failures >= self.threshold and failure is not None:
            return
        if failure is not None and failure.code in PROVIDER_FAULTS:
            self._failures += 1
            self._last_message = failure.message
            if self._failures >= self.threshold:
                cooldown = self._current_cooldown * 2 if probe else self.cooldown
                self._current_cooldown = min(cooldown, self.max_cooldown)
                self._open_until = now + self._current_cooldown
        elif failure is not None or answered:
            self._failures, self._current_cooldown = 0, 0.0


@dataclass(slots=True)
class RetryBudget:
    """Budget of retries for one target: `ratio` of its first attempts, and up to `max_balance` saved up.

    It bounds the extra load of retries while a provider fails for many generations at once, which `Backoff` can't: that
    one limits the retries of a single generation (cf. Finagle's `RetryBudget`).
    """

    ratio: float = 0.2
    max_balance: float = 10.0
    balance: float = field(init=False)
    """Retries left."""

    def __post_init__(self) -> None:
        self.balance = self.max_balance

    def deposit(self) -> None:
        """Count a first attempt, which adds `ratio` of a retry."""
        self.balance = min(self.max_balance, self.balance + self.ratio)

    def withdraw(self) -> bool:
        """Pay for a retry. Return False if the balance is below 1."""
        if self.balance < 1:
            return False
        self.balance -= 1
        return True

    def refund(self) -> None:
        """Return the price of a retry for which no call was made."""
        self.balance = min(self.max_balance, self.balance + 1)
