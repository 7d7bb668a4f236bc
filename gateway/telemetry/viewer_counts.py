"""Counts of viewers by transport, which are replaced and never changed.

Nearly every generation has one viewer: all of them share one dictionary, where each would take 200 bytes. Pure.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

NO_VIEWERS: Final[Mapping[str, int]] = {}


def with_viewer(counts: Mapping[str, int], transport: str) -> Mapping[str, int]:
    """Return the counts with one more viewer."""
    return {**counts, transport: counts.get(transport, 0) + 1} if counts else _only(transport)


def without_viewer(counts: Mapping[str, int], transport: str) -> Mapping[str, int]:
    """Return the counts with one viewer less, and without a transport that has none left."""
    left = counts.get(transport, 0) - 1
    if left > 0:
        return {**counts, transport: left}
    return {other: count for other, count in counts.items() if other != transport}


@lru_cache(maxsize=32)
def _only(transport: str) -> Mapping[str, int]:
    """Return the counts of a single viewer."""
    return {transport: 1}
