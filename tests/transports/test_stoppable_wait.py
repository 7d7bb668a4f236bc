"""A wait that is stopped ends without an exception; what else ends it does so as always."""

import asyncio

import pytest

from tests.event_loop import settle
from transports.stoppable_wait import StoppableWait


class Waiting:
    """A task that waits again and again, and counts the waits that were stopped."""

    def __init__(self) -> None:
        self.stopped = 0
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        self.wait = StoppableWait()
        while True:
            self.event = asyncio.Event()
            with self.wait:
                await self.event.wait()
                continue
            self.stopped += 1


@pytest.fixture
async def waiting() -> Waiting:
    waiting = Waiting()
    await settle()
    return waiting


async def test_each_wait_can_be_stopped(waiting: Waiting) -> None:
    for stopped in (1, 2):
        waiting.wait.stop()
        waiting.wait.stop()
        await settle()
        assert (waiting.stopped, waiting.task.cancelling()) == (stopped, 0)
    waiting.event.set()
    await settle()
    assert waiting.stopped == 2
    assert not waiting.task.done()


async def test_a_task_that_is_cancelled_is_cancelled_even_if_its_wait_is_stopped(waiting: Waiting) -> None:
    waiting.wait.stop()
    waiting.task.cancel()
    await settle()
    assert (waiting.stopped, waiting.task.cancelled()) == (0, True)


async def test_a_task_outside_is_not_disturbed() -> None:
    wait = StoppableWait()
    wait.stop()
    await settle()
    with wait:
        pass
    wait.stop()
    await settle()


async def test_an_exception_passes() -> None:
    with pytest.raises(ConnectionError), StoppableWait():
        raise ConnectionError
