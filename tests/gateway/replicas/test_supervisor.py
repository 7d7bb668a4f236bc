"""A task that fails begins again, and its failure is logged."""

import pytest

from gateway.replicas.supervisor import RESTART_SECONDS, Supervisor
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment
from tests.manual_clock import ManualClock


async def test_a_task_that_fails_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    clock, begun = ManualClock(), list[float]()
    supervisor = Supervisor(clock)

    async def run() -> None:
        begun.append(clock.now())
        message = "a fault of ours"
        raise ZeroDivisionError(message)

    supervisor.start("reader", run)
    await settle()
    clock.advance(RESTART_SECONDS)
    await settle()
    assert begun == [1000.0, 1000.0 + RESTART_SECONDS]
    assert next(record.getMessage() for record in caplog.records).startswith("the task 'reader' failed")
    await supervisor.close()
    assert clock.pending == 0


async def test_a_message_that_makes_a_task_fail_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        # No gateway sends such messages: one is not known, the other makes a fault of ours.
        await shared.store.messages.send([(second.replica.name, b"{}")])
        second.replica.reader.wake = None  # type: ignore[method-assign, assignment]
        first.send("b")
        await settle()
        await shared.advance(0.2)
        del second.replica.reader.wake
        first.send("c")
        await shared.advance(3)
        assert mirrored.log.text() == "abc"
        assert any(record.levelname == "ERROR" and "inbox" in record.getMessage() for record in caplog.records)
        second.hub.remove_viewer(generation.id)


async def test_a_lease_that_is_not_renewed_by_a_fault_of_ours_shows_what_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        generation = await first.streaming("a")
        first.replica.ownership._info = None  # type: ignore[assignment]
        await shared.advance(8)
        first.send("b")
        await settle()
        assert generation.log.text() == "ab"
        assert any("'lease'" in record.getMessage() for record in caplog.records)
        first.replica.ownership._info = lambda: first.replica.shared.info(first.replica.configuration.digest)
        await shared.advance(3)
        assert first.replica.health.is_up
