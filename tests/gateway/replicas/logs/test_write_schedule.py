"""When logs are written."""

import asyncio
from collections.abc import Iterable

from gateway.replicas.logs.write_schedule import WriteSchedule
from gateway.replicas.logs.written_log import WrittenLog
from tests.event_loop import settle
from tests.gateway.replicas.written_logs import streaming, written
from tests.manual_clock import ManualClock


async def due(schedule: WriteSchedule) -> list[WrittenLog]:
    """Return what is due now."""
    task: asyncio.Task[Iterable[WrittenLog]] = asyncio.create_task(schedule.due())
    await settle()
    if not task.done():
        task.cancel()
        return []
    return [*task.result()]


async def test_the_delay_is_short_while_a_gateway_watches() -> None:
    clock = ManualClock()
    schedule = WriteSchedule(clock, 0.2)
    watched, unwatched = written(streaming("g_1")), written(streaming("g_2"))
    watched.watchers.add("other")
    for _ in range(3):
        schedule.on_append(watched)
        schedule.on_append(unwatched)
    # The first after a silence does not wait.
    assert await due(schedule) == [watched]
    for _ in range(3):
        schedule.on_append(watched)
    assert clock.pending == 2
    clock.advance(0.009)
    assert await due(schedule) == []
    clock.advance(0.001)
    assert await due(schedule) == [watched]
    schedule.on_append(watched)
    assert await due(schedule) == []
    clock.advance(0.01)
    assert await due(schedule) == [watched]
    clock.advance(0.17)
    assert await due(schedule) == []
    clock.advance(0.011)
    assert await due(schedule) == [unwatched]
    assert clock.pending == 0


async def test_what_comes_while_a_batch_is_written_is_scheduled_again() -> None:
    clock = ManualClock()
    schedule, log = WriteSchedule(clock, 0.2), written(streaming())
    schedule.on_append(log)
    clock.advance(0.2)
    assert await due(schedule) == [log]
    schedule.on_append(log)
    clock.advance(0.2)
    assert await due(schedule) == [log]


async def test_an_end_is_due_at_once() -> None:
    clock, generation = ManualClock(), streaming()
    schedule, log = WriteSchedule(clock, 0.2), written(generation)
    schedule.on_append(log)
    generation.on_finished(1001.0)
    schedule.on_append(log)
    assert await due(schedule) == [log]
    schedule.pause()


async def test_nothing_is_scheduled_while_it_is_paused() -> None:
    clock = ManualClock()
    schedule, log = WriteSchedule(clock, 0.2), written(streaming())
    schedule.on_append(log)
    schedule.pause()
    assert clock.pending == 0
    schedule.on_append(log)
    schedule.write_now(log)
    assert await due(schedule) == []
    schedule.resume([log])
    assert await due(schedule) == [log]


async def test_a_log_that_is_forgotten_is_not_due() -> None:
    clock = ManualClock()
    schedule, log = WriteSchedule(clock, 0.2), written(streaming())
    schedule.on_append(log)
    schedule.forget(log)
    clock.advance(0.2)
    assert await due(schedule) == []
