"""A histogram: the one measurement that is made on the path of a chunk. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import final


@final
class Histogram:
    """Counts values in buckets. `counts` has one number for each bound, and one for values above the last bound.

    A value is counted in one bucket; what exposition needs, the counts of all buckets up to a bound, is summed there.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        """Upper bounds of the buckets, each part of its bucket, in ascending order."""
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        """Sum of the values."""

    def record(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add what another histogram with the same bounds has counted."""
        self.counts = [count + more for count, more in zip(self.counts, counts, strict=True)]
        self.total += total

    @property
    def count(self) -> int:
        """Return the number of values."""
        return sum(self.counts)

    def quantile(self, part: float) -> float | None:
        """Return an estimate of the value below which this part of all values lies; None without values.

        It is interpolated within a bucket, as by PromQL's `histogram_quantile`; above the last bound it is that bound.
        """
        rank, seen, lower = part * self.count, 0, 0.0
        if not self.count:
            return None
        for bound, count in zip(self.bounds, self.counts, strict=False):
            if count and seen + count >= rank:
                return lower + (bound - lower) * (rank - seen) / count
            seen, lower = seen + count, bound
        return lower
