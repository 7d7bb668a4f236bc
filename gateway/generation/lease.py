"""The right of a gateway to append to the logs that it shares with others. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final


def _do_nothing() -> None:
    pass


def _no_time() -> float:
    return 0.0


@dataclass(eq=False, slots=True)
class Lease:
    """Runs out at `expires`, in seconds of the clock `now`, unless it is renewed.

    A gateway that was paused finds so that others may have taken its generations over meanwhile. `on_lapse` is called
    when an event is appended after that.
    """

    expires: float = inf
    now: Callable[[], float] = _no_time
    on_lapse: Callable[[], None] = _do_nothing

    @property
    def has_lapsed(self) -> bool:
        """Return True if it has run out."""
        return self.expires != inf and self.now() > self.expires


NO_LEASE: Final = Lease()
"""The lease of a gateway that shares its logs with no other: it never runs out."""
