"""Events and queues with a single waiter."""

import asyncio

from gateway.server.lightweight import SingleReaderQueue, SingleWaiterEvent
from tests.event_loop import settle


async def test_an_event_wakes_the_task_that_waits() -> None:
    event = SingleWaiterEvent()
    waiting = asyncio.create_task(event.wait())
    await settle()
    assert not waiting.done()
    event.set()
    assert await waiting
    assert await event.wait()
    event.clear()
    again = asyncio.create_task(event.wait())
    await settle()
    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    event.set()
    assert event.is_set()


async def test_an_event_cleared_before_the_waiter_runs_keeps_it_waiting() -> None:
    event = SingleWaiterEvent()
    waiting = asyncio.create_task(event.wait())
    await settle()
    event.set()
    event.clear()
    await settle()
    assert not waiting.done()
    event.set()
    assert await waiting


async def test_a_queue_keeps_the_order_and_waits_for_more() -> None:
    queue = SingleReaderQueue()
    assert queue.empty()
    queue.put_nowait({"type": "websocket.connect"})
    queue.put_nowait({"type": "websocket.receive", "text": "a"})
    assert (await queue.get())["type"] == "websocket.connect"
    assert not queue.empty()
    assert (await queue.get())["type"] == "websocket.receive"
    waiting = asyncio.create_task(queue.get())
    await settle()
    awaited = [queue.is_awaited]
    queue.put_nowait({"type": "websocket.disconnect", "code": 1000})
    assert [*awaited, queue.is_awaited] == [True, False]
    assert (await waiting)["type"] == "websocket.disconnect"


def test_both_can_be_printed() -> None:
    # A debugger prints what it finds; asyncio's own methods read attributes that these do not have.
    queue = SingleReaderQueue()
    assert "SingleReaderQueue" in repr(queue)
    assert str(queue) == repr(queue)
    assert "SingleWaiterEvent" in repr(SingleWaiterEvent())
