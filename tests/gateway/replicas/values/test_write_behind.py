"""Writes that their callers do not wait for."""

import asyncio
from functools import partial

from gateway.replicas.values.write_behind import WriteBehind
from gateway.store.errors import StoreError
from tests.event_loop import settle


async def test_writes_of_a_name_follow_each_other_and_the_newest_replaces_those_that_wait() -> None:
    writes, written, go = WriteBehind(), list[str](), asyncio.Event()

    async def write(text: str) -> None:
        await go.wait()
        written.append(text)

    for text in ("a1", "a2", "a3"):
        writes.write("a", partial(write, text))
        await settle()
    writes.write("b", partial(write, "b1"))
    flushing = asyncio.create_task(writes.flush())
    await settle()
    assert not flushing.done()
    # Who waits may leave: what was written is written all the same.
    cancelled = asyncio.create_task(writes.flush())
    await settle()
    cancelled.cancel()
    go.set()
    await flushing
    assert sorted(written) == ["a1", "a3", "b1"]
    await writes.flush()


async def test_a_failed_write_does_not_keep_the_next_one() -> None:
    writes, written = WriteBehind(), list[str]()

    async def fail() -> None:
        raise StoreError("timeout", "no reply")

    async def write() -> None:
        written.append("a")

    writes.write("a", fail)
    await writes.flush()
    writes.write("a", write)
    await writes.flush()
    assert written == ["a"]
