"""Percentiles by nearest rank: a value that was measured, never one interpolated between two. Pure."""

import math
from collections.abc import Iterable


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest of the values that `share` of them do not exceed; None if there are no values.

    Of fewer than 20 values the 95th percentile is the greatest.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
