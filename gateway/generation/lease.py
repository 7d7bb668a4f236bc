"""The right of a gateway to append to the logs that it shares with others. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final


def _do_nothing() -> None:
    pass


@dataclass(eq=False, slots=True)
class Lease:
    """Runs out at `expires`, in seconds of the gateway's clock, unless it is renewed.

    A gateway that was paused finds so that others may have taken its generations over meanwhile. `on_lapse` is called
    when an event is appended after that.
    """

    expires: float = inf
    on_lapse: Callable[[], None] = _do_nothing


NO_LEASE: Final = Lease()
"""The lease of a gateway that shares its logs with no other: it never runs out."""
