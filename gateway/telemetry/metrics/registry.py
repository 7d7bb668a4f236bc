"""What the gateway has counted: the values and histograms of all metrics. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.telemetry.metrics.histogram import Histogram
from gateway.telemetry.metrics.label_values import OTHER, LabelValues
from gateway.telemetry.metrics.metric import Kind, Metric
from gateway.telemetry.metrics.names import SERIES_DROPPED
from gateway.telemetry.metrics.snapshot import Buckets, Labels, Rule, Snapshot

MAX_SERIES: Final = 1000
"""Maximum number of combinations of label values of one metric."""

Source = Callable[["SnapshotBuilder"], None]
"""Adds the present state of a part of the gateway, when the metrics are read."""


class Amount:
    """The value of one series of a counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Registry:
    """Counts. Labels are given in the order of the metric's labels; an empty value is a label that is missing."""

    def __init__(self, label_values: LabelValues | None = None, max_series: int = MAX_SERIES) -> None:
        self.label_values = label_values or LabelValues()
        self._max_series = max_series
        self._amounts: dict[Metric, dict[Labels, Amount]] = {}
        self._histograms: dict[Metric, dict[Labels, Histogram]] = {}
        self._sources: list[Source] = []

    def add_source(self, source: Source) -> None:
        """Call `source` each time the metrics are read."""
        self._sources.append(source)

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Add an amount to a counter or a gauge."""
        self.amount(metric, *labels).value += amount

    def amount(self, metric: Metric, *labels: str) -> Amount:
        """Return the series of these labels, some of which may count as `OTHER`, to add amounts to it.

        Who subtracts an amount later must keep it: a reload may give the labels a series of their own meanwhile.
        """
        amounts = self._amounts.setdefault(metric, {})
        found = amounts.get(labels)
        if found is None:
            key = self._key(metric, labels, amounts)
            found = amounts.get(key)
            if found is None:
                found = amounts[key] = Amount()
        return found

    def record(self, metric: Metric, value: float, *labels: str) -> None:
        """Count a value in a histogram."""
        histograms = self._histograms.get(metric)
        found = None if histograms is None else histograms.get(labels)
        (found or self.histogram(metric, *labels)).record(value)

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """Return the histogram of these labels, to record values in."""
        histograms = self._histograms.setdefault(metric, {})
        key = self._key(metric, labels, histograms)
        found = histograms.get(key)
        if found is None:
            found = histograms[key] = Histogram(metric.buckets)
        return found

    def value(self, metric: Metric, *labels: str) -> float:
        """Return the value of a counter or gauge, 0 if it has none."""
        found = self._amounts.get(metric, {}).get(labels)
        return 0 if found is None else found.value

    def has_series(self, metric: Metric, labels: Labels) -> bool:
        """Return True if these labels have a series of their own, which stays theirs."""
        return labels in self._amounts.get(metric, {}) or labels in self._histograms.get(metric, {})

    def total(self, metric: Metric) -> Histogram:
        """Return the sum of all histograms of a metric."""
        total = Histogram(metric.buckets)
        for histogram in self._histograms.get(metric, {}).values():
            total.add(histogram.counts, histogram.total)
        return total

    def snapshot(self) -> Snapshot:
        """Return all values as they are now."""
        builder = SnapshotBuilder()
        for metric, amounts in self._amounts.items():
            for labels, amount in amounts.items():
                builder.set(metric, amount.value, *labels)
        for metric, histograms in self._histograms.items():
            for labels, histogram in histograms.items():
                builder.set(metric, Buckets([*histogram.counts], histogram.total), *labels)
        for label, count in self.label_values.dropped.items():
            builder.set(SERIES_DROPPED, count, label)
        for source in self._sources:
            source(builder)
        return builder.snapshot

    def _key(
        self, metric: Metric, labels: Sequence[str], known: dict[Labels, Amount] | dict[Labels, Histogram]
    ) -> Labels:
        """Return the labels of the series that counts for these labels."""
        key = tuple(labels)
        if key in known:
            return key
        bound = self.label_values.bound
        key = tuple(bound(label, value) for label, value in zip(metric.labels, key, strict=True))
        if key in known or len(known) < self._max_series:
            return key
        dropped = self.label_values.dropped
        for label in metric.labels:
            dropped[label] = dropped.get(label, 0) + 1
        return (OTHER,) * len(metric.labels)


class SnapshotBuilder:
    """A snapshot that is being made."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()

    def set(self, metric: Metric, value: float | Buckets, *labels: str) -> None:
        """Set the value of a series."""
        rule: Rule = metric.merge if metric.kind is Kind.GAUGE else "add"
        self.snapshot.set(metric.name, rule, labels, value)
