"""Locks by key."""

import asyncio

from gateway.replicas.keyed_lock import KeyedLock
from tests.event_loop import settle


async def test_one_holds_the_lock_of_a_key_and_no_other_key_waits() -> None:
    lock, order, events = KeyedLock[str](), list[str](), {name: asyncio.Event() for name in ("a1", "a2", "b1", "-")}

    async def hold(name: str) -> None:
        async with lock.hold(None if name == "-" else name[0]):
            order.append(name)
            await events[name].wait()

    tasks = {name: asyncio.create_task(hold(name)) for name in events}
    await settle()
    assert order == ["a1", "b1", "-"]
    events["a1"].set()
    await settle()
    assert order[3:] == ["a2"]
    assert len(lock) == 2
    for name in ("b1", "-"):
        events[name].set()
    tasks["a2"].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert len(lock) == 0


async def test_one_that_is_cancelled_while_it_waits_leaves_the_lock_to_others() -> None:
    lock, entered = KeyedLock[str](), list[int]()

    async def hold(number: int) -> None:
        async with lock.hold("a"):
            entered.append(number)

    async with lock.hold("a"):
        tasks = [asyncio.create_task(hold(number)) for number in range(3)]
        await settle()
        tasks[0].cancel()
        await settle()
        assert entered == []
    await asyncio.gather(*tasks, return_exceptions=True)
    assert entered == [1, 2]
    assert len(lock) == 0
