"""Build the metrics: what counts, and what is read of each part of the gateway when the metrics are read."""

from collections import Counter
from collections.abc import Collection
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from gateway.api.services import Services
from gateway.pipeline.hub import Hub
from gateway.routing.breaker import Circuit
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.label_values import LabelValues
from gateway.telemetry.metrics.metrics import Metrics
from gateway.telemetry.metrics.observer import MetricsObserver
from gateway.telemetry.metrics.process import read_process
from gateway.telemetry.metrics.registry import Registry, SnapshotBuilder
from gateway.telemetry.metrics.snapshot import Buckets
from gateway.upstreams.http import HttpUpstream

if TYPE_CHECKING:
    from gateway.replicas.replica import Replica

CIRCUITS: Final = (Circuit.CLOSED, Circuit.HALF_OPEN, Circuit.OPEN)
"""States of a circuit, the worst last."""


def build_metrics(hub: Hub) -> Metrics:
    """Build the metrics of a hub, which count from now on; `observe` adds what is read of the other parts."""
    registry = Registry(LabelValues(partial(_configured, hub)))
    hub.observers.add(MetricsObserver(registry))
    return Metrics(registry)


def observe(services: Services, replica: "Replica | None") -> None:
    """Read the parts of the gateway whenever its metrics are read."""
    registry, clock = services.metrics.registry, services.clock
    registry.add_source(partial(_read_hub, services.hub))
    registry.add_source(partial(_read_targets, services.hub))
    registry.add_source(partial(_read_viewers, services))
    registry.add_source(partial(read_process, clock.unix()))
    if replica is not None:
        registry.add_source(partial(_read_store, replica))


def _configured(hub: Hub, label: str) -> Collection[str]:
    """Return the values of a label that the configuration names: however many they are, each has its own series."""
    match label:
        case "model":
            return hub.models.by_name
        case "provider":
            return {target.name for target in _targets(hub.models)}
        case _:
            return ()


def _targets(models: ModelRegistry) -> dict[Target, str]:
    """Return all targets, each once, with the name of the model that calls it; "" if several do, or any name is served.

    Models of one upstream may share a target, as those of the simulator do.
    """
    found: dict[Target, str] = {}
    for model in models.by_name.values():
        for target in model.targets:
            found[target] = "" if target in found else model.name
    return found | dict.fromkeys(models.unlisted_targets, "")


def _read_hub(hub: Hub, builder: SnapshotBuilder) -> None:
    queued, statistics, slots = hub.slots.queued + hub.queued_elsewhere(), hub.statistics, hub.slots
    builder.set(names.INFO, 1, version("dualstream"))
    builder.set(names.WORKERS, 1)
    builder.set(names.DRAINING, hub.draining)
    builder.set(names.QUEUED, queued)
    builder.set(names.SLOTS_USED, hub.running - queued)
    if slots.max_concurrent:
        builder.set(names.SLOTS_LIMIT, slots.max_concurrent)
    if slots.max_queue:
        builder.set(names.QUEUE_LIMIT, slots.max_queue)
    builder.set(names.RETAINED, hub.retained)
    builder.set(names.RETAINED_BYTES, hub.retained_bytes)
    builder.set(names.PROMPT_BYTES, hub.prompts.used)
    builder.set(names.SAVED_TOKENS, statistics.savings.tokens)
    builder.set(names.SAVED_COST, statistics.savings.cost_usd)
    builder.set(names.UNESTIMATED, statistics.savings.unknown)


def _read_targets(hub: Hub, builder: SnapshotBuilder) -> None:
    """Add the state of all targets; those of one model at one provider are shown together, by the worst circuit."""
    now, upstreams, circuits = hub.clock.now(), dict[HttpUpstream, str](), dict[tuple[str, str], Circuit]()
    running, limits = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for target, model in _targets(hub.models).items():
        labels = (model, target.name)
        running[labels] += target.running
        limits[labels] += target.max_concurrent
        circuit = target.breaker.circuit(now)
        circuits[labels] = max(circuit, circuits.get(labels, circuit), key=CIRCUITS.index)
        if isinstance(target.upstream, HttpUpstream):
            upstreams[target.upstream] = target.name
    for labels, circuit in circuits.items():
        for state in CIRCUITS:
            builder.set(names.CIRCUIT, state is circuit, *labels, state.value)
        builder.set(names.CALLS_RUNNING, running[labels], *labels)
        if limits[labels]:
            builder.set(names.CALLS_LIMIT, limits[labels], *labels)
    for upstream, name in upstreams.items():
        used, idle = upstream.connections()
        builder.set(names.UPSTREAM_CONNECTIONS, used, name, "used")
        builder.set(names.UPSTREAM_CONNECTIONS, idle, name, "idle")
        if upstream.max_connections:
            builder.set(names.UPSTREAM_CONNECTIONS_LIMIT, upstream.max_connections, name)


def _read_viewers(services: Services, builder: SnapshotBuilder) -> None:
    viewers = services.viewers
    builder.set(names.STREAMS, services.streams.open)
    builder.set(names.READY, not (services.hub.draining or services.generations.refuses_starts))
    for metric, counts in (
        (names.SENT_BYTES, viewers.sent()),
        (names.BEHIND, viewers.behind()),
        (names.CUT, viewers.cut),
    ):
        for transport, count in counts.items():
            builder.set(metric, count, transport)


def _read_store(replica: "Replica", builder: SnapshotBuilder) -> None:
    health, times = replica.health, replica.times
    builder.set(names.STORE_UP, health.is_up)
    builder.set(names.STORE_OUTAGES, health.outages)
    builder.set(names.STORE_UNWRITTEN, replica.writer.unwritten_seconds())
    for metric, histogram in ((names.STORE_WRITE, times.writes), (names.STORE_READ_LAG, times.reads)):
        builder.set(metric, Buckets([*histogram.counts], histogram.total))
