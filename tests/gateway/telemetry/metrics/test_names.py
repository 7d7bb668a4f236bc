"""The table of metrics keeps the rules of Prometheus and OpenTelemetry."""

import re

import pytest

from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.metric import Kind, Metric

UNITS = {"seconds", "bytes", "usd", ""}

all_metrics = pytest.mark.parametrize("metric", names.METRICS.values(), ids=names.METRICS)


@all_metrics
def test_a_name_says_the_unit(metric: Metric) -> None:
    # prometheus.io/docs/practices/naming: base units, and the unit last.
    assert metric.unit in UNITS
    assert not metric.unit or metric.name.endswith(f"_{metric.unit}")
    assert re.fullmatch(r"(dualstream|gen_ai|process)(_[a-z]+)+", metric.name)
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_created"))


@all_metrics
def test_a_convention_is_translated(metric: Metric) -> None:
    # opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics.
    if not metric.convention:
        assert not metric.name.startswith("gen_ai")
        return
    translated = metric.convention.replace(".", "_")
    assert metric.name == (f"{translated}_{metric.unit}" if metric.unit else translated)


@all_metrics
def test_no_label_names_a_principal(metric: Metric) -> None:
    assert not {"principal", "user", "key", "address", "client", "id", "generation", "path"} & {*metric.labels}
    assert "le" not in metric.labels
    assert len({*metric.labels}) == len(metric.labels)


@all_metrics
def test_help_is_a_sentence(metric: Metric) -> None:
    assert metric.help.endswith(".")
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert "\n" not in metric.help


@all_metrics
def test_buckets_are_those_of_a_histogram_and_ascend(metric: Metric) -> None:
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    assert sorted({*metric.buckets}) == [*metric.buckets]
    if metric.convention and metric.unit == "seconds":
        # The conventions recommend these; others between them do no harm.
        assert {*names.SECONDS} <= {*metric.buckets}


def test_each_metric_is_in_one_group() -> None:
    declared = [value for value in vars(names).values() if isinstance(value, Metric)]
    assert sorted(names.METRICS) == sorted(metric.name for metric in declared)
