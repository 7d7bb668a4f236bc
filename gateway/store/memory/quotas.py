"""Quotas in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.clock import Clock


@dataclass(slots=True)
class _Counted:
    size: int
    expires: float


class MemoryQuotas:
    """Names by owner, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._owners: dict[str, dict[str, _Counted]] = {}

    async def add(self, owner: str, sizes: Mapping[str, int], *, limit: int, keep: float) -> Sequence[str]:
        """Count names with their sizes; return the names of the oldest, which make room."""
        names, now = self._owners.setdefault(owner, {}), self._clock.now()
        for name, size in sizes.items():
            names.pop(name, None)
            names[name] = _Counted(size, now + keep)
        await self.remove(owner, [known for known, counted in names.items() if counted.expires <= now])
        dropped: list[str] = []
        total = sum(counted.size for counted in names.values())
        for known, counted in names.items():
            if total <= limit:
                break
            dropped.append(known)
            total -= counted.size
        await self.remove(owner, dropped)
        return dropped

    async def remove(self, owner: str, names: Sequence[str]) -> None:
        """Count names no longer; unknown ones are ignored."""
        counted = self._owners.get(owner, {})
        for name in names:
            counted.pop(name, None)
        if not counted:
            self._owners.pop(owner, None)

    async def newest(self, owner: str, count: int) -> Sequence[str]:
        """Return the newest names of an owner, newest first, at most `count`."""
        return [*reversed(self._owners.get(owner, {}))][:count]
