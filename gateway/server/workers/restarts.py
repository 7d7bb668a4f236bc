"""When a worker that has ended is started again. Pure."""

import signal
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential backoff for workers that end early. Times in seconds.

    A worker that ends after `stable` seconds is replaced at once. One that ends earlier waits `base`, then twice as
    long for each further early end in a row, at most `longest`. After `max_early_ends` of them there is no restart.
    """

    base: float = 0.5
    longest: float = 10.0
    stable: float = 10.0
    max_early_ends: int = 8

    def early_ends(self, before: int, lifetime: float) -> int:
        """Return the number of early ends in a row, after `before` of them and a worker with this lifetime."""
        return 0 if lifetime >= self.stable else before + 1

    def delay(self, early_ends: int) -> float | None:
        """Return the wait before the next start, or None if there must be none."""
        if early_ends >= self.max_early_ends:
            return None
        return min(self.longest, self.base * 2 ** (early_ends - 1)) if early_ends else 0.0


DEFAULT_POLICY: Final = RestartPolicy()
"""A worker that always ends early ends the gateway after half a minute of waits."""


def describe_end(code: int) -> str:
    """Return how a process has ended, by its exit code or, negative, the signal that ended it (as in `subprocess`)."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def exit_code(code: int, *, is_asked_to_end: bool) -> int:
    """Return what the end of a worker adds to the exit code of the whole: 0, or why it failed.

    A signal that reaches a worker before it handles signals ends it by default; it was asked to end.
    """
    if code >= 0:
        return code
    return 0 if is_asked_to_end and -code in {signal.SIGTERM, signal.SIGINT} else 1
