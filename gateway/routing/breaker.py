"""Leave a provider alone that keeps failing: a circuit breaker, and a budget for retries."""

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
"""What speaks against a provider. A refused request or a rate limit shows one that is alive."""


class Circuit(StrEnum):
    """Closed: calls pass. Open: none does. Half-open: one probe at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Breaker:
    """Opens after `threshold` failures in a row, for `cooldown` seconds, then lets single probes through.

    Each probe that fails doubles the cooldown, up to `max_cooldown`; one that succeeds closes the circuit.
    """

    threshold: int = 5
    cooldown: float = 5.0
    max_cooldown: float = 60.0
    _failures: int = field(init=False, default=0)
    _reopens_at: float = field(init=False, default=0.0)
    _cooldown: float = field(init=False, default=0.0)
    _probing: bool = field(init=False, default=False)

    def circuit(self, now: float) -> Circuit:
        """Tell how it stands."""
        if not self.threshold or self._failures < self.threshold:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._reopens_at else Circuit.HALF_OPEN

    def ready_at(self, now: float) -> float:
        """Give the time from which a call would be let through, as far as can be told."""
        circuit = self.circuit(now)
        if circuit is Circuit.CLOSED or (circuit is Circuit.HALF_OPEN and not self._probing):
            return now
        return max(self._reopens_at, now + self.cooldown / 5)

    def admit(self, now: float) -> bool:
        """Let a call through, which the caller must `record`; tell whether it is a probe.

        Raises:
            Failed: `server_error` with the time to wait, while the provider is left alone.
        """
        circuit = self.circuit(now)
        if circuit is Circuit.CLOSED:
            return False
        if circuit is Circuit.OPEN or self._probing:
            message = "The provider keeps failing and is left alone for a while."
            wait = self.ready_at(now) - now
            raise Failed(Code.SERVER_ERROR, message, retry_after_ms=round(wait * 1000))
        self._probing = True
        return True

    def record(self, failure: Failed | None, now: float, *, answered: bool, probe: bool = False) -> None:
        """Tell how a call that was let through went; neither failed nor `answered`: it was stopped before it showed.

        A failure of one that was let through before the circuit opened says nothing new while it is open.
        """
        if probe:
            self._probing = False
        elif self._failures >= self.threshold and failure is not None:
            return
        if failure is not None and failure.code in PROVIDER_FAULTS:
            self._failures += 1
            if self._failures >= self.threshold:
                self._cooldown = min(self._cooldown * 2 if probe else self.cooldown, self.max_cooldown)
                self._reopens_at = now + self._cooldown
        elif failure is not None or answered:
            self._failures, self._cooldown = 0, 0.0


@dataclass(slots=True)
class RetryBudget:
    """Retries a provider may get: a share of its first attempts, and a few more, so that it is not hammered."""

    ratio: float = 0.2
    max_balance: float = 10.0
    _left: float = field(init=False, default=-1.0)

    def deposit(self) -> None:
        """Count a first attempt."""
        self._left = min(self.max_balance, self._balance() + self.ratio)

    def withdraw(self) -> bool:
        """Take a retry; False if there is none left."""
        left = self._balance()
        if left < 1:
            return False
        self._left = left - 1
        return True

    def refund(self) -> None:
        """Give back a retry that did not come to a call."""
        self._left = min(self.max_balance, self._balance() + 1)

    def _balance(self) -> float:
        return self.max_balance if self._left < 0 else self._left
