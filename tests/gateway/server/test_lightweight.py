"""What an idle connection keeps: flags and mailboxes for one that waits."""

import asyncio

from gateway.server.lightweight import SingleReaderQueue, SingleWaiterEvent
from tests.support import settle


async def test_a_flag_lets_the_one_go_on_that_waits() -> None:
    flag = SingleWaiterEvent()
    waiting = asyncio.create_task(flag.wait())
    await settle()
    assert not waiting.done()
    flag.set()
    assert await waiting
    assert await flag.wait()
    flag.clear()
    again = asyncio.create_task(flag.wait())
    await settle()
    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    flag.set()
    assert flag.is_set()


async def test_a_flag_that_is_cleared_before_the_waiter_runs_keeps_it_waiting() -> None:
    flag = SingleWaiterEvent()
    waiting = asyncio.create_task(flag.wait())
    await settle()
    flag.set()
    flag.clear()
    await settle()
    assert not waiting.done()
    flag.set()
    assert await waiting


async def test_a_mailbox_keeps_the_order_and_waits_for_more() -> None:
    box = SingleReaderQueue()
    assert box.empty()
    box.put_nowait({"type": "websocket.connect"})
    box.put_nowait({"type": "websocket.receive", "text": "a"})
    assert (await box.get())["type"] == "websocket.connect"
    assert not box.empty()
    assert (await box.get())["type"] == "websocket.receive"
    waiting = asyncio.create_task(box.get())
    await settle()
    assert not waiting.done()
    box.put_nowait({"type": "websocket.disconnect", "code": 1000})
    assert (await waiting)["type"] == "websocket.disconnect"
