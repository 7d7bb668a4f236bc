"""Keep what the store has of the generations that run here, beside their logs, until they have ended."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.clock import Clock
from gateway.store.values import Values

MIN_SECONDS: Final = 60.0
"""A value is kept for at least so long after the end of its generation: without retention, too."""


def keep_seconds(retention: float) -> float:
    """Return how long a value is kept whose generation runs: renewed after a third of it, two thirds remain."""
    return 1.5 * max(retention, MIN_SECONDS)


@dataclass(slots=True)
class _Kept:
    keep: float
    due: float
    keys: list[Iterable[str]] = field(default_factory=list)


class ValueRenewal:
    """Renews values by the generation they belong to. `is_running` tells whether one has not ended here."""

    def __init__(self, values: Values, clock: Clock, is_running: Callable[[str], bool]) -> None:
        self._values = values
        self._clock = clock
        self._is_running = is_running
        self._kept: dict[str, _Kept] = {}

    def add(self, generation_id: str, keys: Iterable[str], retention: float) -> None:
        """Renew values that have just been stored for `keep_seconds(retention)`, until their generation has ended.

        The keys are asked for each time. Most generations end before the first one.
        """
        if not self._is_running(generation_id):
            return
        keep = keep_seconds(retention)
        kept = self._kept.setdefault(generation_id, _Kept(keep, self._clock.now() + keep / 3))
        kept.keep = max(kept.keep, keep)
        kept.keys.append(keys)

    async def renew(self) -> None:
        """Renew what is due.

        Raises:
            StoreError: it is due again the next time.
        """
        now = self._clock.now()
        self._kept = {name: kept for name, kept in self._kept.items() if self._is_running(name)}
        due: dict[float, list[_Kept]] = {}
        for kept in self._kept.values():
            if kept.due <= now:
                due.setdefault(kept.keep, []).append(kept)
        for keep, group in due.items():
            await self._values.touch([key for kept in group for keys in kept.keys for key in keys], keep)
            for kept in group:
                kept.due = now + keep / 3
