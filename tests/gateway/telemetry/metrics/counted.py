"""Read what a registry has counted, with the names of the labels."""

from gateway.pipeline.hub import Hub
from gateway.telemetry.metrics.metric import Metric
from gateway.telemetry.metrics.observer import MetricsObserver
from gateway.telemetry.metrics.registry import Registry
from gateway.telemetry.metrics.snapshot import Buckets


def counting(hub: Hub) -> Registry:
    """Return a registry that counts what happens in a hub from now on."""
    registry = Registry()
    hub.observers.add(MetricsObserver(registry))
    return registry


def counted(registry: Registry, metric: Metric, *labels: str) -> dict[str, float]:
    """Return the values of a metric, by those of some of its labels, joined by spaces; a histogram's is its count."""
    family, found = registry.snapshot().families.get(metric.name), dict[str, float]()
    for values, value in () if family is None else family.series.items():
        named = dict(zip(metric.labels, values, strict=True))
        key = " ".join(named[label] or "-" for label in labels or metric.labels)
        found[key] = found.get(key, 0) + (sum(value.counts) if isinstance(value, Buckets) else value)
    return {key: value for key, value in found.items() if value}


def total(registry: Registry, metric: Metric) -> float:
    """Return the sum of all values of a histogram."""
    return registry.total(metric).total
