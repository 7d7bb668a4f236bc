"""Whether a server answers. While it does not, one caller at a time tries again; the others fail at once. Pure."""

import random
from dataclasses import dataclass
from typing import Final

from gateway.store.errors import StoreError

FIRST_DELAY: Final = 0.05
MAX_DELAY: Final = 1.0
"""Delays between two attempts, in seconds. Each is drawn from the upper half: gateways that failed together come back
one by one (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""


@dataclass(slots=True)
class Availability:
    """The failures of a server in a row. Each call to `enter` is followed by one to `leave`."""

    error: StoreError | None = None
    """The failure of a server that does not answer; None: it is used without `enter`."""
    _failures: int = 0
    _next_attempt: float = 0.0
    _is_probed: bool = False

    def enter(self, now: float) -> bool:
        """Begin a use; return True if it is the one that finds out whether the server answers again.

        Raises:
            StoreError: it does not answer, and it is not tried now.
        """
        if self.error is None:
            return False
        if self._is_probed or now < self._next_attempt:
            self.check()
        self._is_probed = True
        return True

    def check(self) -> None:
        """Check that the server has answered last.

        Raises:
            StoreError: it has not.
        """
        if self.error is not None:
            raise StoreError(self.error.fault, self.error.message)

    def leave(self, *, is_probe: bool) -> None:
        """End a use without a result: it was cancelled."""
        if is_probe:
            self._is_probed = False

    def on_success(self, *, is_probe: bool) -> None:
        """End a use: the server has answered."""
        self.leave(is_probe=is_probe)
        if is_probe:
            self.error, self._failures = None, 0

    def on_failure(self, error: StoreError, now: float, *, is_probe: bool) -> None:
        """End a use: the server has not answered. Uses that failed side by side count as one failure."""
        self.leave(is_probe=is_probe)
        if is_probe or self.error is None:
            delay = min(MAX_DELAY, FIRST_DELAY * 2.0**self._failures)
            self._failures += 1
            self.error = error
            self._next_attempt = now + delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
