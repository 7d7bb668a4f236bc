import pytest

from gateway.telemetry.metrics.label_values import LabelValues
from gateway.telemetry.metrics.metric import Kind, Metric
from gateway.telemetry.metrics.names import SERIES_DROPPED
from gateway.telemetry.metrics.registry import Registry, SnapshotBuilder
from gateway.telemetry.metrics.snapshot import Buckets

COUNTER = Metric("calls", Kind.COUNTER, "Calls.", ("model", "code"))
GAUGE = Metric("running", Kind.GAUGE, "Running.", ("model",), merge="max")
HISTOGRAM = Metric("gap_seconds", Kind.HISTOGRAM, "Gap.", ("model",), "seconds", (1.0, 2.0))


def test_counts_are_kept_by_labels() -> None:
    registry = Registry()
    registry.add(COUNTER, 1, "m", "a")
    registry.add(COUNTER, 2, "m", "a")
    registry.add(COUNTER, 1, "m", "")
    registry.add(GAUGE, 1, "m")
    registry.add(GAUGE, -1, "m")
    registry.record(HISTOGRAM, 1.5, "m")
    families = registry.snapshot().families
    assert families["calls"].series == {("m", "a"): 3, ("m", ""): 1}
    assert families["running"].series == {("m",): 0}
    assert families["gap_seconds"].series == {("m",): Buckets([0, 1, 0], 1.5)}
    assert [families[name].rule for name in ("calls", "running", "gap_seconds")] == ["add", "max", "add"]
    assert registry.value(COUNTER, "m", "a") == 3
    assert registry.value(COUNTER, "m", "b") == 0


def test_a_snapshot_does_not_change_with_the_histogram() -> None:
    registry = Registry()
    histogram = registry.histogram(HISTOGRAM, "m")
    snapshot = registry.snapshot()
    histogram.record(0.5)
    assert snapshot.families["gap_seconds"].series == {("m",): Buckets([0, 0, 0], 0.0)}
    assert registry.histogram(HISTOGRAM, "m") is histogram


def test_the_histograms_of_a_metric_can_be_summed() -> None:
    registry = Registry()
    registry.record(HISTOGRAM, 0.5, "a")
    registry.record(HISTOGRAM, 1.5, "b")
    assert (registry.total(HISTOGRAM).counts, registry.total(HISTOGRAM).total) == ([1, 1, 0], 2.0)
    assert registry.total(COUNTER).count == 0


def test_a_source_adds_what_is_so_now() -> None:
    registry, states = Registry(), iter("ab")

    def source(builder: SnapshotBuilder) -> None:
        builder.set(GAUGE, 1, next(states))

    registry.add_source(source)
    assert registry.snapshot().families["running"].series == {("a",): 1}
    assert registry.snapshot().families["running"].series == {("b",): 1}


def test_values_that_clients_choose_make_no_series_without_end() -> None:
    registry = Registry(LabelValues(max_values=3))
    for number in range(10):
        registry.add(COUNTER, 1, f"m{number}", "a")
    families = registry.snapshot().families
    assert families["calls"].series == {("m0", "a"): 1, ("m1", "a"): 1, ("m2", "a"): 1, ("other", "a"): 7}
    assert families[SERIES_DROPPED.name].series == {("model",): 7}


def test_a_metric_has_a_maximum_of_series() -> None:
    registry = Registry(max_series=2)
    for number in range(5):
        registry.add(COUNTER, 1, f"m{number}", f"c{number}")
    assert registry.snapshot().families["calls"].series == {("m0", "c0"): 1, ("m1", "c1"): 1, ("other", "other"): 3}


def test_the_number_of_labels_is_that_of_the_metric() -> None:
    with pytest.raises(ValueError, match="zip"):
        Registry().add(COUNTER, 1, "m")
