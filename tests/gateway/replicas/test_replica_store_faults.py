"""What gateways do while their store can't be used, and how they find together again."""

import asyncio
from copy import deepcopy

import pytest

from gateway.generation.event_log import EPOCH_EVENTS
from gateway.pipeline.hub import RetentionPolicy
from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Chunk, Complete, Error, Gap
from gateway.replicas.policy import ReplicaPolicy
from gateway.store.errors import StoreFault
from gateway.store.logs import Position
from gateway.store.memory import MemoryStore
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, deployment, events
from tests.gateway.store.faulty_store import When
from tests.start_requests import ANONYMOUS

LOCAL = ReplicaPolicy(store_down="local")
FAULTS: list[StoreFault] = ["unreachable", "timeout", "full", "read_only", "refused"]


def fail(shared: Deployment, fault: StoreFault = "unreachable") -> None:
    """Fail the store for all gateways."""
    for gateway in shared.gateways:
        gateway.faults.fail(fault=fault)


def heal(shared: Deployment) -> None:
    """End the faults of all gateways, and wait until they use the store again."""
    for gateway in shared.gateways:
        gateway.faults.heal()


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_runs_goes_on_and_is_read_elsewhere_once_the_store_is_back(fault: StoreFault) -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        fail(shared, fault)
        read: list[str] = []
        generation.log.subscribe(lambda: read.append(generation.log.text()))
        for text in "bcd":
            first.send(text)
            await settle()
            await shared.advance(5)
        assert read[-1] == "abcd"
        assert mirrored.log.text() == "a"
        heal(shared)
        await shared.advance(1)
        assert mirrored.log.text() == "abcd"
        first.upstream.last.finish()
        await settle()
        await shared.advance(0.1)
        assert events(mirrored) == events(generation)
        assert isinstance(mirrored.end, Complete)
        second.hub.remove_viewer(generation.id)


async def test_an_end_during_an_outage_is_read_elsewhere() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        mirrored = await second.find(generation)
        second.hub.add_viewer(generation.id)
        fail(shared)
        first.upstream.last.finish()
        await shared.advance(10)
        assert isinstance(generation.end, Complete)
        assert not mirrored.log.ended
        heal(shared)
        await shared.advance(1)
        assert mirrored.end == generation.end
        second.hub.remove_viewer(generation.id)


async def test_starts_are_refused_before_anything_is_charged() -> None:
    async with deployment() as shared:
        first = shared.gateways[0]
        fail(shared)
        await shared.advance(2)
        with pytest.raises(Refused) as refused:
            await first.start()
        assert (refused.value.code, refused.value.status) == (Code.SERVER_ERROR, 503)
        assert refused.value.retryable
        assert refused.value.retry_after_ms
        assert first.upstream.calls == []
        assert first.hub.statistics.started == 0
        heal(shared)
        await shared.advance(1)
        await first.start()
        assert first.hub.statistics.started == 1


async def test_the_start_that_finds_the_store_lost_leaves_nothing() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        first.faults.fail("logs.create", "timeout", When.AFTER)
        with pytest.raises(Refused):
            await first.start()
        first.faults.heal()
        await settle()
        assert first.hub.running == 0
        await shared.advance(2)
        assert list(await shared.store.logs.owned(first.replica.name)) == []
        assert first.replica.health.is_up
        assert second.hub.running == 0


async def test_local_starts_are_stored_when_the_store_is_back() -> None:
    async with deployment(policy=LOCAL) as shared:
        first, second = shared.gateways
        fail(shared)
        running = await first.streaming("runs")
        ended = await first.streaming("ended")
        first.upstream.last.finish()
        await settle()
        assert isinstance(ended.end, Complete)
        await shared.advance(10)
        heal(shared)
        await shared.advance(1)
        assert (await second.find(running)).log.text() == "runs"
        assert events(await second.find(ended)) == events(ended)


async def test_an_unknown_generation_may_be_known_when_the_store_is_back() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        fail(shared)
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                await second.find(generation)
            assert (refused.value.code, refused.value.status) == (Code.SERVER_ERROR, 503)
            assert refused.value.retryable
        assert second.faults.calls.count("logs.read") == 1
        heal(shared)
        await shared.advance(1)
        assert (await second.find(generation)).log.text() == "a"


async def test_a_position_that_is_not_here_may_be_there_when_the_store_is_back() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        await second.find(generation)
        first.send("b")
        await settle()
        fail(shared)
        assert (await second.find(generation)).log.text() == "a"
        with pytest.raises(Refused) as refused:
            await second.find(generation, generation.log.last)
        assert refused.value.status == 503


async def test_a_full_store_is_read() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        for gateway in shared.gateways:
            for operation in ("logs.append", "logs.create", "members", "messages.send"):
                gateway.faults.fail(operation, "full")
        await shared.advance(2)
        assert not second.replica.health.is_up
        assert (await second.find(generation)).log.text() == "a"
        # Another gateway may have started it alone.
        with pytest.raises(Refused) as refused:
            await second.generations.find("g_unknown", ANONYMOUS)
        assert refused.value.status == 503


async def test_commands_to_other_gateways_are_refused_at_once() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        fail(shared)
        with pytest.raises(Refused) as refused:
            await second.generations.interrupt(generation.id, InterruptRequest(), 0.0, ANONYMOUS)
        assert (refused.value.status, refused.value.retryable) == (503, True)
        assert generation.end is None
        # Those of this gateway are carried out.
        assert (await first.generations.interrupt(generation.id, InterruptRequest(), 0.0, ANONYMOUS)).stopped


async def test_a_command_whose_reply_can_not_come_is_refused_when_the_store_is_lost() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        first.faults.hold("messages.send")
        interrupt = second.generations.interrupt(generation.id, InterruptRequest(), 0.0, ANONYMOUS)
        task = asyncio.create_task(interrupt)
        await settle()
        fail(shared)
        await shared.advance(1)
        with pytest.raises(Refused) as refused:
            await task
        assert refused.value.status == 503
        first.faults.release()


async def test_nobody_is_taken_for_dead_after_an_outage_of_all() -> None:
    async with deployment(3) as shared:
        first, second, _ = shared.gateways
        generation = await first.streaming("a")
        mirrored = await second.find(generation)
        second.hub.add_viewer(generation.id)
        fail(shared)
        await shared.advance(60)
        second.faults.heal()
        await shared.advance(1)
        heal(shared)
        await shared.advance(10)
        first.send("b")
        await settle()
        await shared.advance(0.1)
        assert (mirrored.log.text(), mirrored.end) == ("ab", None)
        assert first.hub.is_viewed(generation.id)
        second.hub.remove_viewer(generation.id)


async def test_a_gateway_that_was_cut_off_for_less_than_its_lease_keeps_its_generations() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        first.faults.fail()
        await shared.advance(1.8)
        first.faults.heal()
        first.send("b")
        await shared.advance(5)
        assert (mirrored.log.text(), mirrored.end) == ("ab", None)
        second.hub.remove_viewer(generation.id)


async def test_the_viewers_of_a_gateway_that_was_cut_off_for_longer_are_told_what_others_have_stored() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("kept ")
        await shared.advance(0.2)
        first.hub.add_viewer(generation.id)
        first.faults.fail()
        first.send("seen here alone")
        await shared.advance(6)
        seen = generation.log.last
        assert generation.log.text() == "kept seen here alone"
        mirrored = await second.find(generation)
        assert isinstance(mirrored.end, Error)
        first.faults.heal()
        await shared.advance(3)
        assert [type(event) for event in events(generation, seen)] == [Gap, Error]
        assert (generation.log.text(), generation.end) == ("kept ", mirrored.end)
        assert first.hub.running == 0
        first.hub.remove_viewer(generation.id)


async def test_an_empty_store_is_filled_again() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        ended = await first.streaming("ended")
        first.upstream.last.finish()
        running = await first.streaming("running")
        mirrored = await second.find(running)
        second.hub.add_viewer(running.id)
        await settle()
        shared.empty_store()
        first.send(" on")
        await shared.advance(1.2)
        assert mirrored.log.text() == "running on"
        await shared.advance(30)
        first.send(" and on")
        await settle()
        await shared.advance(0.01)
        assert mirrored.log.text() == "running on and on"
        assert events(await second.find(ended)) == events(ended)
        second.hub.remove_viewer(running.id)


async def test_a_store_that_was_emptied_when_the_owner_died_gets_what_a_viewer_has() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("kept")
        mirrors = [await gateway.find(generation) for gateway in (second, third)]
        for gateway in (second, third):
            gateway.hub.add_viewer(generation.id)
        await settle()
        first.kill()
        shared.empty_store()
        await shared.advance(6)
        for mirrored in mirrors:
            assert isinstance(mirrored.end, Error)
            assert mirrored.end.code == "generation_lost"
            assert (mirrored.log.text(), mirrored.log.last) == ("kept", EPOCH_EVENTS + 1)
        for gateway in (second, third):
            gateway.hub.remove_viewer(generation.id)
        await shared.advance(15)
        assert (await second.find(generation)).log.text() == "kept"
        first.hub.delete(generation.id, ANONYMOUS)


async def test_viewers_elsewhere_of_what_was_dropped_during_an_outage_get_an_end() -> None:
    async with deployment(retention_policy=RetentionPolicy(retention=20)) as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        mirrored = await second.find(generation)
        second.hub.add_viewer(generation.id)
        fail(shared)
        first.upstream.last.finish()
        await shared.advance(30)
        assert first.hub.record(generation.id) is None
        heal(shared)
        await shared.advance(10)
        assert isinstance(mirrored.end, Error)
        assert mirrored.end.code == "generation_lost"
        assert await shared.store.logs.read({generation.id: Position()}) == {}
        second.hub.remove_viewer(generation.id)


async def test_a_batch_whose_reply_was_lost_is_stored_once() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        first.faults.fail_once("logs.append")
        first.send("b")
        await settle()
        await shared.advance(0.1)
        first.send("c")
        await shared.advance(1)
        assert [event for event in events(mirrored) if isinstance(event, Chunk)] == [Chunk("abc")]
        second.hub.remove_viewer(generation.id)


async def test_what_an_emptied_store_lacks_is_not_called_lost_before_others_had_time_to_write_it() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        fail(shared)
        await shared.advance(2)
        shared.empty_store()
        second.faults.heal()
        await shared.advance(1)
        assert second.replica.health.is_up
        with pytest.raises(Refused) as refused:
            await second.find(generation)
        assert (refused.value.status, refused.value.retryable) == (503, True)
        heal(shared)
        await shared.advance(1)
        assert (await second.find(generation)).log.text() == "a"
        await shared.advance(3)
        with pytest.raises(Refused) as refused:
            await second.generations.find("g_unknown", ANONYMOUS)
        assert refused.value.code is Code.GENERATION_LOST


async def test_writes_that_a_failover_has_lost_are_written_again() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        ended, running = await first.streaming("a"), await first.streaming("b")
        await shared.advance(0.2)
        assert isinstance(shared.store, MemoryStore)
        promoted = deepcopy(shared.store.logs._stored)
        first.upstream.calls[0].send("more")
        first.upstream.calls[0].finish()
        first.send("more")
        await shared.advance(0.4)
        fail(shared)
        await shared.advance(1)
        shared.store.logs._stored = promoted
        heal(shared)
        await shared.advance(2)
        assert events(await second.find(ended)) == events(ended)
        assert (await second.find(running)).log.text() == "bmore"


async def test_a_gateway_starts_before_its_store() -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        await first.replica.close()
        first.replica.health.is_connected = False
        first.faults.fail()
        await first.replica.start()
        with pytest.raises(Refused):
            await first.start()
        first.faults.heal()
        await shared.advance(2)
        await first.start()


async def test_hundreds_of_logs_are_written_in_batches() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generations = [await first.streaming(f"{number}") for number in range(250)]
        fail(shared)
        for call in first.upstream.calls:
            call.send(" more")
        await shared.advance(5)
        first.faults.calls.clear()
        heal(shared)
        await shared.advance(1)
        assert first.faults.calls.count("logs.append") == 3
        assert (await second.find(generations[-1])).log.text() == "249 more"
