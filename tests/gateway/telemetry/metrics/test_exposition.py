import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.exposition import MAX_SAMPLES, negotiate, write
from gateway.telemetry.metrics.registry import Registry
from gateway.telemetry.metrics.snapshot import Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def full_registry(series: int = 1) -> Registry:
    """Return a registry with values of every metric."""
    registry = Registry()
    for metric in names.METRICS.values():
        for number in range(series if metric.labels else 1):
            labels = [f'{label} "{number}"\n\\' for label in metric.labels]
            if metric.buckets:
                registry.record(metric, 0.5, *labels)
            else:
                registry.add(metric, 1.5, *labels)
    return registry


def text_of(snapshot: Snapshot, accept: str) -> str:
    encoder, _ = negotiate(accept)
    return b"".join(write(snapshot, encoder)).decode()


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2", "application/openmetrics"),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4"),
        ("text/html,*/*;q=0.8", "text/plain; version=0.0.4"),
        (None, "text/plain; version=0.0.4"),
    ],
)
def test_the_client_chooses_the_format(accept: str | None, media_type: str) -> None:
    assert negotiate(accept)[1].startswith(media_type)


@pytest.mark.parametrize("accept", [OPENMETRICS, ""])
def test_all_metrics_can_be_parsed(accept: str) -> None:
    text = text_of(full_registry(3).snapshot(), accept)
    parsed = [*(parse_openmetrics if accept else parse_text)(text)]
    assert {family.name for family in parsed} == names.METRICS.keys()
    for family in parsed:
        metric = names.METRICS[family.name]
        assert (family.type, family.documentation) == (metric.kind.value, metric.help)
        if accept:
            assert family.unit == metric.unit
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(metric.labels)
    assert text.endswith("# EOF\n") is bool(accept)


def test_buckets_are_cumulative() -> None:
    registry = Registry()
    for value in (0.005, 0.015, 100.0):
        registry.record(names.QUEUE_WAIT, value, "m")
    lines = text_of(registry.snapshot(), "").splitlines()
    assert 'dualstream_queue_wait_seconds_bucket{le="0.01",model="m"} 1.0' in lines
    assert 'dualstream_queue_wait_seconds_bucket{le="81.92",model="m"} 2.0' in lines
    assert 'dualstream_queue_wait_seconds_bucket{le="+Inf",model="m"} 3.0' in lines
    assert 'dualstream_queue_wait_seconds_count{model="m"} 3.0' in lines


def test_a_missing_label_is_left_out() -> None:
    registry = Registry()
    registry.add(names.CALLS_RUNNING, 1, "", "p")
    assert 'dualstream_calls_running{provider="p"} 1.0' in text_of(registry.snapshot(), "").splitlines()


@pytest.mark.parametrize("accept", [OPENMETRICS, ""])
def test_many_series_come_in_pieces_that_are_one_text(accept: str) -> None:
    registry = Registry()
    for number in range(100):
        registry.record(names.QUEUE_WAIT, number, f"m{number}")
    encoder, _ = negotiate(accept)
    pieces = [*write(registry.snapshot(), encoder)]
    samples = 100 * (len(names.QUEUE_WAIT.buckets) + 3)
    assert len(pieces) == 2 + -(-samples // MAX_SAMPLES)
    assert max(piece.count(b"\n") for piece in pieces) <= MAX_SAMPLES
    text = b"".join(pieces).decode()
    assert text.count("# TYPE") == 1
    (family,) = (parse_openmetrics if accept else parse_text)(text)
    assert len(family.samples) == samples


def test_metrics_of_another_version_are_left_out() -> None:
    snapshot = Snapshot()
    snapshot.set("dualstream_of_the_future", "add", ("x",), 1)
    assert text_of(snapshot, "") == ""
