"""Write a snapshot in the formats that Prometheus reads, in small pieces: between two of them other work is done."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice
from typing import Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as PrometheusMetric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from gateway.telemetry.metrics.metric import Kind, Metric
from gateway.telemetry.metrics.names import METRICS
from gateway.telemetry.metrics.snapshot import Buckets, Labels, Snapshot, Value

MAX_SAMPLES: Final = 100
"""Maximum number of samples of one piece, which takes about half a millisecond."""

END: Final = b"# EOF\n"
"""What the OpenMetrics format ends with."""

Encoder = Callable[[Collector], bytes]


class FamilyCollector(Collector):
    """A collector, as prometheus-client calls it, of one metric and some of its samples."""

    def __init__(self, metric: Metric, samples: Iterable[Sample] = ()) -> None:
        self._metric = metric
        self._samples = samples

    def collect(self) -> Iterable[PrometheusMetric]:
        """Yield the metric."""
        metric = self._metric
        family = PrometheusMetric(metric.name, metric.help, metric.kind.value, metric.unit)
        family.samples.extend(self._samples)
        yield family


def negotiate(accept: str | None) -> tuple[Encoder, str]:
    """Return what encodes in the format that an `Accept` header prefers, and its media type.

    That is OpenMetrics if it is named, else Prometheus's own text format.
    """
    encoder, media_type = choose_encoder(accept or "")
    return encoder, media_type


def write(snapshot: Snapshot, encoder: Encoder) -> Iterator[bytes]:
    """Yield the text of a snapshot, piece by piece; metrics that are not known here are left out."""
    ends_with: bytes = b""
    for name, metric in METRICS.items():
        family = snapshot.families.get(name)
        if family is None or not family.series:
            continue
        head = encoder(FamilyCollector(metric))
        if head.endswith(END):
            head, ends_with = head[: -len(END)], END
        yield head
        samples = _samples(metric, family.series)
        while piece := [*islice(samples, MAX_SAMPLES)]:
            text = encoder(FamilyCollector(metric, piece))
            yield text[len(head) : len(text) - len(ends_with)]
    yield ends_with


def _samples(metric: Metric, series: dict[Labels, Value]) -> Iterator[Sample]:
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    for values, value in sorted(series.items()):
        labels = {label: text for label, text in zip(metric.labels, values, strict=False) if text}
        if not isinstance(value, Buckets):
            yield Sample(metric.sample, labels, value)
        elif metric.kind is Kind.HISTOGRAM and len(value.counts) == len(bounds):
            below = [*accumulate(value.counts)]
            for bound, count in zip(bounds, below, strict=True):
                yield Sample(f"{metric.name}_bucket", {**labels, "le": bound}, count)
            yield Sample(f"{metric.name}_count", labels, below[-1])
            yield Sample(f"{metric.name}_sum", labels, value.total)
