"""What the metrics read of each part of the gateway."""

from contextlib import suppress

from starlette.applications import Starlette

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.store.errors import StoreError
from gateway.store.memory.store import MemoryStore
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.metric import Metric
from gateway.telemetry.metrics.snapshot import Buckets
from tests.event_loop import settle
from tests.gateway.app.two_models import settings
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import ANONYMOUS, start_request


def read(app: Starlette, metric: Metric) -> dict[tuple[str, ...], object]:
    """Return the series of a metric as they are now."""
    family = app.state.metrics.registry.snapshot().families.get(metric.name)
    return {} if family is None else dict(family.series)


def test_targets_are_read_with_their_model_and_provider() -> None:
    app = create_app(settings())
    target = app.state.hub.models.by_name["chat"].targets[0]
    for _ in range(5):
        target.breaker.record(Failed(Code.SERVER_ERROR, "no"), app.state.hub.clock.now(), answered=False)
    open_circuits = [labels for labels, value in read(app, names.CIRCUIT).items() if value and labels[2] != "closed"]
    assert open_circuits == [("chat", "eu", "open")]
    assert read(app, names.CALLS_RUNNING) == {("chat", "eu"): 0, ("chat", "vllm"): 0, ("fast", "eu"): 0}
    assert read(app, names.CALLS_LIMIT) == {("chat", "eu"): 5}
    assert read(app, names.UPSTREAM_CONNECTIONS) == {
        (provider, state): 0 for provider in ("eu", "vllm") for state in ("used", "idle")
    }
    assert read(app, names.UPSTREAM_CONNECTIONS_LIMIT) == {}


def test_limits_are_read_where_there_are_some() -> None:
    unlimited = create_app(Settings(max_concurrent=0, max_queue=0))
    assert read(unlimited, names.SLOTS_LIMIT) == read(unlimited, names.QUEUE_LIMIT) == {}
    limited = create_app(Settings(max_concurrent=3, max_queue=4))
    assert (read(limited, names.SLOTS_LIMIT), read(limited, names.QUEUE_LIMIT)) == ({(): 3}, {(): 4})
    assert read(limited, names.STORE_UP) == {}


def test_configured_providers_keep_their_names() -> None:
    names_of_providers = [f"p{number}" for number in range(150)]
    app = create_app(
        Settings.model_validate(
            {
                "providers": {name: {"base_url": "https://eu.example/v1"} for name in names_of_providers},
                "models": {"chat": {"upstreams": [{"provider": name} for name in names_of_providers]}},
            }
        )
    )
    registry = app.state.metrics.registry
    for name in names_of_providers:
        registry.add(names.RETRIES, 1, "chat", name, "server_error")
    assert {labels[1] for labels in read(app, names.RETRIES)} == {*names_of_providers}


def test_configured_models_keep_their_names() -> None:
    app = create_app(settings())
    registry = app.state.metrics.registry
    for number in range(200):
        registry.add(names.STARTED, 1, "sse", "native", f"made up {number}")
    registry.add(names.STARTED, 1, "sse", "native", "fast")
    models = {labels[2] for labels in read(app, names.STARTED)}
    assert "fast" in models
    assert "other" in models
    assert len(models) == 102


async def test_running_and_waiting_generations_are_told_apart() -> None:
    clock, upstream = ManualClock(), ScriptedUpstream()
    app = create_app(Settings(max_concurrent=1, model=("m",)), clock=clock, upstream=upstream)
    for _ in range(3):
        app.state.hub.start(start_request(), request_id="r", principal=ANONYMOUS)
    await settle()
    assert (read(app, names.SLOTS_USED), read(app, names.QUEUED)) == ({(): 1}, {(): 2})
    assert read(app, names.DRAINING) == {(): False}
    assert read(app, names.READY) == {(): True}
    await app.state.hub.close()
    assert (read(app, names.SLOTS_USED), read(app, names.QUEUED)) == ({(): 0}, {(): 0})
    assert read(app, names.DRAINING) == {(): True}
    assert read(app, names.READY) == {(): False}


async def test_the_store_is_read_if_there_is_one() -> None:
    clock, upstream, store = ManualClock(), ScriptedUpstream(), MemoryStore(ManualClock())
    app = create_app(Settings(model=("m",), max_concurrent=0), clock=clock, upstream=upstream, store=store)
    hub, replica = app.state.hub, app.state.replica
    await replica.start()
    generation = hub.start(start_request(), request_id="r", principal=ANONYMOUS)
    await replica.add(generation)
    await settle()
    assert read(app, names.STORE_UP) == {(): True}
    (write,) = read(app, names.STORE_WRITE).values()
    assert isinstance(write, Buckets)
    assert sum(write.counts) >= 1
    clock.advance(1)
    await settle()
    assert read(app, names.STORE_UNWRITTEN) == {(): 0}
    replica.writer.pause()
    upstream.last.send("text")
    await settle()
    clock.advance(0.5)
    upstream.last.send("more")
    await settle()
    assert read(app, names.STORE_UNWRITTEN) == {(): 0.5}
    replica.on_store_error(StoreError("unreachable", "gone"))
    assert (read(app, names.STORE_UP), read(app, names.STORE_OUTAGES)) == ({(): False}, {(): 1})
    await hub.close()
    with suppress(StoreError):
        await replica.close()
