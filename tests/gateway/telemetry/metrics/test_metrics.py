from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.metrics import Metrics
from gateway.telemetry.metrics.snapshot import Snapshot, merged


async def test_a_worker_asks_for_the_values_of_all() -> None:
    metrics = Metrics()
    metrics.registry.add(names.VIEWS, 1, "sse")
    assert (await metrics.snapshot()).families[names.VIEWS.name].series == {("sse",): 1}

    async def gather(own: Snapshot) -> Snapshot:
        return merged([own, own])

    metrics.gather = gather
    assert (await metrics.snapshot()).families[names.VIEWS.name].series == {("sse",): 2}
