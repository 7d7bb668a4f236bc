"""The series that one kind of event counts in: found once for each combination of labels, and kept. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from gateway.telemetry.metrics.histogram import Histogram
from gateway.telemetry.metrics.metric import Kind, Metric
from gateway.telemetry.metrics.registry import Amount, Registry
from gateway.telemetry.metrics.snapshot import Labels

MAX_GROUPS: Final = 1000
"""Maximum number of groups that are kept: clients may choose some of the labels."""


class SeriesGroup:
    """Series of several metrics, each with its labels. A series is created when something is counted in it."""

    __slots__ = ("_members", "_registry", "_series")

    def __init__(self, registry: Registry, members: Sequence[tuple[Metric, Labels]]) -> None:
        self._registry = registry
        self._members = members
        self._series: list[Amount | Histogram | None] = [None] * len(members)

    def count(self, *amounts: float | None) -> None:
        """Add each amount to its counter or gauge, or record it in its histogram; skip those that are None.

        They are in the order of the members, of which the last ones may be left out.
        """
        for index, amount in enumerate(amounts):
            if amount is None:
                continue
            series = self._series[index]
            if series is None:
                series = self._find(index)
            if type(series) is Histogram:
                # As `Histogram.record`, without a call.
                series.counts[bisect_left(series.bounds, amount)] += 1
                series.total += amount
            else:
                series.value += amount

    def _find(self, index: int) -> Amount | Histogram:
        metric, labels = self._members[index]
        registry = self._registry
        find = registry.histogram if metric.kind is Kind.HISTOGRAM else registry.amount
        series = find(metric, *labels)
        if registry.has_series(metric, labels):
            # Not one of `OTHER`: that is counted as such each time, and a reload may change it.
            self._series[index] = series
        return series


class SeriesGroups(dict[tuple[str, ...], SeriesGroup]):
    """The groups of one kind of event by what their labels are made of. A missing one is created, and kept."""

    def __init__(self, registry: Registry, members: Callable[..., Sequence[tuple[Metric, Labels]]]) -> None:
        """`members` returns those of a group for the strings of its key."""
        super().__init__()
        self._registry = registry
        self._members = members

    def __missing__(self, key: tuple[str, ...]) -> SeriesGroup:
        if len(self) >= MAX_GROUPS:
            # They are found again.
            self.clear()
        group = self[key] = SeriesGroup(self._registry, self._members(*key))
        return group
