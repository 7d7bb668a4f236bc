"""The port of quotas: how much each owner may keep in the store."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Quotas(Protocol):
    """Names by owner, oldest first, each with a size. Every method may raise `StoreError`."""

    async def add(self, owner: str, sizes: Mapping[str, int], *, limit: int, keep: float) -> Sequence[str]:
        """Count names with their sizes; a known one gets another size, and is among the newest again.

        Names that were added more than `keep` seconds ago are no longer counted. If the sizes of the rest add up to
        more than `limit`, the oldest make room; return their names, which their owner can't keep.
        """
        ...

    async def remove(self, owner: str, names: Sequence[str]) -> None:
        """Count names no longer; unknown ones are ignored."""
        ...

    async def newest(self, owner: str, count: int) -> Sequence[str]:
        """Return the newest names of an owner, newest first, at most `count`."""
        ...
