"""When logs are written."""

import asyncio
from collections.abc import Iterable

from gateway.replicas.logs.write_schedule import WriteSchedule
from gateway.replicas.logs.written_log import WrittenLog
from tests.event_loop import settle
from tests.gateway.replicas.written_logs import send, streaming, written
from tests.manual_clock import ManualClock


def scheduled(schedule: WriteSchedule, generation_id: str = "g_1") -> WrittenLog:
    """Return a log whose appends the schedule learns of."""
    log = written(streaming(generation_id))
    schedule.add(log)
    schedule.listen(log)
    return log


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
    watched, unwatched = scheduled(schedule, "g_1"), scheduled(schedule, "g_2")
    watched.watchers.add("other")
    for _ in range(3):
        send(watched.generation, "a")
        send(unwatched.generation, "a")
    # The first after a silence does not wait.
    assert await due(schedule) == [watched]
    for _ in range(3):
        send(watched.generation, "a")
    assert clock.pending == 2
    clock.advance(0.009)
    assert await due(schedule) == []
    clock.advance(0.001)
    assert await due(schedule) == [watched]
    send(watched.generation, "a")
    assert await due(schedule) == []
    clock.advance(0.01)
    assert await due(schedule) == [watched]
    clock.advance(0.17)
    assert await due(schedule) == []
    clock.advance(0.011)
    assert await due(schedule) == [unwatched]
    assert clock.pending == 0


async def test_an_append_calls_the_schedule_only_if_the_log_does_not_wait() -> None:
    clock = ManualClock()
    schedule = WriteSchedule(clock, 0.2)
    log = scheduled(schedule)
    send(log.generation, "a")
    assert log.generation.log.on_append is None
    clock.advance(0.2)
    assert await due(schedule) == [log]
    assert log.generation.log.on_append is not None


async def test_what_comes_while_a_batch_is_written_is_scheduled_again() -> None:
    clock = ManualClock()
    schedule = WriteSchedule(clock, 0.2)
    log = scheduled(schedule)
    for _ in range(2):
        send(log.generation, "a")
        clock.advance(0.2)
        assert await due(schedule) == [log]


async def test_an_end_is_due_at_once() -> None:
    schedule = WriteSchedule(ManualClock(), 0.2)
    log = scheduled(schedule)
    send(log.generation, "a")
    log.generation.on_finished(1001.0)
    assert await due(schedule) == [log]
    schedule.pause()


async def test_an_end_is_due_also_where_nothing_was_listened_to() -> None:
    schedule, log = WriteSchedule(ManualClock(), 0.2), written(streaming())
    schedule.add(log)
    send(log.generation, "a")
    assert await due(schedule) == []
    log.generation.on_finished(1001.0)
    assert await due(schedule) == [log]


async def test_nothing_is_scheduled_while_it_is_paused() -> None:
    clock = ManualClock()
    schedule = WriteSchedule(clock, 0.2)
    log = scheduled(schedule)
    send(log.generation, "a")
    schedule.pause()
    assert clock.pending == 0
    send(log.generation, "a")
    schedule.write_now(log)
    assert await due(schedule) == []
    assert log.unwritten_since is not None
    schedule.resume([log])
    assert await due(schedule) == [log]


async def test_a_log_that_is_forgotten_is_not_due() -> None:
    clock = ManualClock()
    schedule = WriteSchedule(clock, 0.2)
    log = scheduled(schedule)
    send(log.generation, "a")
    schedule.forget(log)
    schedule.listen(log)
    clock.advance(0.2)
    log.generation.on_finished(1001.0)
    assert await due(schedule) == []
    assert clock.pending == 0


async def test_a_forgotten_log_does_not_change_when_its_successor_is_written() -> None:
    clock = ManualClock()
    schedule = WriteSchedule(clock, 0.2)
    former = scheduled(schedule)
    schedule.forget(former)
    log = WrittenLog(former.generation, former.terms, fence=1, stored=former.generation.log.last, is_created=True)
    schedule.add(log)
    schedule.listen(log)
    for change in (schedule.listen, schedule.write_now, schedule.forget):
        change(former)
        send(log.generation, "a")
        clock.advance(0.2)
        assert await due(schedule) == [log]
    send(log.generation, "a")
    log.generation.on_finished(1001.0)
    assert await due(schedule) == [log]
