"""Generations of other gateways are read in one pass, and one that can't be read does not disturb the others."""

import asyncio
from dataclasses import replace

import pytest

from gateway.protocol.errors import Refused
from gateway.protocol.events import Chunk
from gateway.replicas.logs.mirror_reader import UNUSED_SECONDS
from gateway.store.memory import MemoryStore
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment, events
from tests.gateway.store.faulty_store import When
from tests.start_requests import ANONYMOUS


async def test_one_read_serves_all_generations_and_their_thousands_of_viewers() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generations = [await first.streaming("a") for _ in range(20)]
        for generation in generations:
            await second.find(generation)
            for _ in range(100):
                second.hub.add_viewer(generation.id)
        await settle()
        second.faults.calls.clear()
        for call in first.upstream.calls:
            call.send("b")
        await settle()
        await shared.advance(0.01, 0.01)
        # The first batch after a silence does not wait for the others.
        assert second.faults.calls.count("logs.read") == 2
        for generation in generations:
            assert (await second.find(generation)).log.text() == "ab"
            for _ in range(100):
                second.hub.remove_viewer(generation.id)


async def test_a_generation_is_fetched_twice_at_once() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a", "b")
        await shared.advance(0.2)
        second.faults.hold("logs.read")
        tasks = [asyncio.create_task(second.find(generation)) for _ in range(3)]
        await settle()
        second.faults.release()
        found = [await task for task in tasks]
        assert found[0] is found[1] is found[2]
        assert found[0].log.text() == "ab"


async def test_a_mirror_that_is_dropped_while_it_is_read_is_read_again() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        before = await second.find(generation)
        second.faults.hold("logs.read")
        task = asyncio.create_task(second.find(generation))
        await settle()
        second.hub.mirrors.remove(generation.id)
        second.faults.release()
        found = await task
        assert found is not before
        assert events(found) == events(before)


async def test_a_mirror_is_kept_between_find_and_attach_and_while_it_is_read() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        mirrored = await second.find(generation)
        await shared.advance(UNUSED_SECONDS - 2)
        assert second.hub.mirrors.get(generation.id) is not None

        def listener() -> None:
            pass

        mirrored.log.subscribe(listener)
        await shared.advance(10 * UNUSED_SECONDS, 1)
        assert second.hub.mirrors.get(generation.id) is not None
        mirrored.log.unsubscribe(listener)
        await shared.advance(UNUSED_SECONDS + 2, 1)
        assert second.hub.mirrors.get(generation.id) is None


async def test_a_wake_that_is_lost_is_made_up_for() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        first.send("b")
        await settle()
        shared.clock.advance(0.01)
        # Before the other gateway runs.
        await shared.store.messages.forget(second.replica.name)
        await shared.advance(1.2)
        assert mirrored.log.text() == "ab"
        second.hub.remove_viewer(generation.id)


async def test_what_follows_a_read_that_failed_may_be_large() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        second.faults.fail_once("logs.read", when=When.BEFORE)
        for text in ("b", "c", "d"):
            first.send(text)
            await settle()
            await shared.advance(0.05)
        assert mirrored.log.text() == "abcd"
        assert second.faults.large_reads == 1
        second.hub.remove_viewer(generation.id)


async def test_a_wake_for_what_is_known_already_reads_nothing() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        mirrored = await second.find(generation, 3)
        second.faults.calls.clear()
        second.replica.reader.wake({generation.id: mirrored.log.last, "unknown": 7})
        await settle()
        assert "logs.read" not in second.faults.calls


@pytest.mark.parametrize("damage", ["events", "details"])
async def test_what_is_damaged_is_logged_once_and_disturbs_no_other(
    damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        assert isinstance(shared.store, MemoryStore)
        broken, whole = await first.streaming("a"), await first.streaming("a")
        mirrors = [await second.find(generation) for generation in (broken, whole)]
        for generation in (broken, whole):
            second.hub.add_viewer(generation.id)
        await settle()
        stored = shared.store.logs._stored[broken.id]
        if damage == "events":
            stored.batches.append((1000, b"\x63of another version"))
            stored.head = replace(stored.head, last=1000)
        else:
            stored.head = replace(stored.head, details=b"[]", version=7)
        for _ in range(5):
            first.send("b")
            await shared.advance(0.4)
        assert Chunk("abbbbb") in events(mirrors[1])
        assert [record.name for record in caplog.records].count("gateway.replicas.logs.mirror_reader") == 1
        with pytest.raises(Refused) as refused:
            await second.find(broken)
        assert (refused.value.status, refused.value.retryable) == (503, True)
        for generation in (broken, whole):
            second.hub.remove_viewer(generation.id)
        first.hub.delete(broken.id, ANONYMOUS)
