"""What is large takes its time over a slow link, and delays neither appends nor other commands."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.generation.event_log import EventLog
from gateway.protocol.events import Chunk
from gateway.store.errors import StoreError
from gateway.store.logs import Appended, Position
from gateway.store.redis.store import RedisStore
from tests.gateway.store.contract.shared import append, chunks, head, texts
from tests.integration.store_faults.link import Link

LIMIT = 0.5
RATE = 400_000.0
"""Bytes per second of the slow link."""

BATCH = 200_000
BATCHES = 5
"""The long log takes five times as long as an exchange may."""


@asynccontextmanager
async def slow_store(redis_url: str, prefix: str) -> AsyncIterator[tuple[RedisStore, Link]]:
    """Yield a store at the end of a slow link, which has a long log and a short one."""
    near = RedisStore(redis_url, prefix=prefix)
    await near.start()
    await near.logs.create(head("short"), chunks(1, 1), 60)
    await near.logs.create(head("long"), chunks(1, 1), 60)
    long = "".join(["x" * BATCH] * BATCHES)
    log = EventLog("long")
    log.extend([Chunk("1,"), *(Chunk("x" * BATCH) for _ in range(BATCHES))])
    for number in range(BATCHES):
        entries = [entry for entry in log.since(number + 1) if entry.last == number + 2]
        assert await near.logs.append([append("long", entries)]) == [Appended.STORED]
    assert texts((await near.logs.read({"long": Position()}))["long"].entries) == f"1,{long}"
    await near.close()
    async with Link(int(redis_url.rpartition(":")[2].partition("/")[0])) as link:
        store = RedisStore(f"redis://127.0.0.1:{link.port}", prefix=prefix, timeout=LIMIT)
        await store.start()
        link.rate = RATE
        try:
            yield store, link
        finally:
            await store.close()


async def seconds_of_appends(store: RedisStore, until: "asyncio.Task[object]") -> list[float]:
    """Append and renew a lease until a task is done; return how long each pair took."""
    taken, number = list[float](), 1
    while not until.done():
        began, number = time.monotonic(), number + 1
        assert await store.logs.append([append("short", chunks(number, number))]) == [Appended.STORED]
        await store.members.renew("a", 3, b"")
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    return taken


@pytest.mark.parametrize("after", [0, 1])
async def test_a_long_log_is_read_over_a_slow_link_while_others_append(redis_url: str, after: int) -> None:
    async with slow_store(redis_url, f"large-read-{after}") as (store, _):
        began = time.monotonic()
        reading = asyncio.create_task(store.logs.read({"long": Position(after)}, is_large=after > 0))
        taken = await seconds_of_appends(store, reading)
        part = (await reading)["long"]
        assert time.monotonic() - began > 2 * LIMIT
        assert len(texts(part.entries)) == BATCH * BATCHES + (0 if after else len("1,"))
        assert len(taken) > 10
        assert max(taken) < LIMIT


async def test_a_large_conversation_is_sent_while_others_append(redis_url: str) -> None:
    async with slow_store(redis_url, "large-prompt") as (store, _):
        prompt = b"p" * int(RATE * LIMIT * 0.7)
        creating = asyncio.create_task(store.logs.create(head("new"), chunks(1, 1), 60, prompt))
        taken = await seconds_of_appends(store, creating)
        assert await creating
        assert max(taken) < LIMIT / 2
        assert await store.logs.prompt("new") == prompt


async def test_a_read_that_stops_in_the_middle_fails_alone(redis_url: str) -> None:
    async with slow_store(redis_url, "stopped") as (store, link):
        reading = asyncio.create_task(store.logs.read({"long": Position()}))
        await asyncio.sleep(LIMIT)
        link.freeze()
        with pytest.raises(StoreError) as error:
            await reading
        assert error.value.fault == "timeout"
        link.rate = 0
        link.thaw()
        assert await store.logs.append([append("short", chunks(2, 2))]) == [Appended.STORED]
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await store.logs.read({"long": Position()}))["long"].head.last == BATCHES + 1
                    break
                except StoreError:
                    await asyncio.sleep(0.02)
