"""Medians, quantiles and spreads. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

Figures = dict[str, float]
"""Figures by name. A figure that was not measured is left out, not 0."""


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        message = "no values"
        raise ValueError(message)
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float]) -> Figures:
    """Return p50, p99 and max; without values, an empty dictionary."""
    if not values:
        return {}
    ordered = sorted(values)
    return {"p50": quantile(ordered, 0.5), "p99": quantile(ordered, 0.99), "max": ordered[-1]}


def medians(runs: Iterable[Mapping[str, float]]) -> Figures:
    """Return the median of each figure over the runs that have it."""
    collected: dict[str, list[float]] = {}
    for run in runs:
        for name, value in run.items():
            collected.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in collected.items()}
