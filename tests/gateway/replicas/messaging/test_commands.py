"""Commands for generations of other gateways, and for those that have ended or lose their owner meanwhile."""

import asyncio

import pytest

from gateway.generation.event_log import EPOCH_EVENTS
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Complete, Interrupted
from gateway.replicas.policy import ReplicaPolicy
from gateway.store.logs import Position
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment
from tests.gateway.store.faulty_store import When
from tests.start_requests import ANONYMOUS

NOTE = FeedbackRequest(mode="note", rating=1)


async def test_an_interrupt_is_answered_truly_although_the_owner_dies_before_it_answers() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        first.kill()
        began = shared.clock.now()
        interrupt = second.generations.interrupt(generation.id, InterruptRequest(), began, ANONYMOUS)
        task = asyncio.create_task(interrupt)
        while not task.done():
            await shared.advance(0.2)
        assert shared.clock.now() - began <= second.replica.policy.owner_timeout
        with pytest.raises(Refused) as refused:
            task.result()
        assert refused.value.code is Code.ALREADY_OVER
        first.hub.delete(generation.id, ANONYMOUS)


async def test_a_command_whose_reply_is_lost_is_not_carried_out_twice() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        await shared.advance(1)
        first.faults.fail_once("messages.send", when=When.BEFORE)
        feedback = second.generations.feedback(generation.id, FeedbackRequest(text="shorter"), 0.0, ANONYMOUS)
        task = asyncio.create_task(feedback)
        for _ in range(60):
            await shared.advance(0.2)
        assert task.done()
        with pytest.raises(Refused) as refused:
            task.result()
        assert (refused.value.status, refused.value.retryable) == (503, True)
        assert [note.text for note in generation.notes] == ["shorter"]


async def test_feedback_with_the_same_id_is_recorded_once() -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        generation = await first.streaming("a")
        for _ in range(2):
            result = first.hub.feedback(generation.id, NOTE, 0.0, ANONYMOUS, "f_1")
            assert result.feedback_id == "f_1"
        assert len(generation.notes) == 1


async def test_feedback_is_stored_before_it_is_acknowledged() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("a")
        result = await second.generations.feedback(generation.id, NOTE, 0.0, ANONYMOUS)
        assert [note.feedback_id for note in (await third.find(generation)).notes] == [result.feedback_id]
        first.upstream.last.finish()
        await settle()


async def test_a_note_after_the_end_is_stored_although_the_owner_is_gone() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("a")
        first.upstream.last.finish()
        await settle()
        await first.generations.feedback(generation.id, NOTE, 0.0, ANONYMOUS)
        await settle()
        first.kill()
        await shared.advance(6)
        for gateway in (second, third, second):
            await gateway.generations.feedback(generation.id, NOTE, 0.0, ANONYMOUS)
        await settle()
        for gateway in (second, third):
            found = await gateway.find(generation)
            assert len(found.notes) == 4
            assert isinstance(found.end, Complete)
        with pytest.raises(Refused) as refused:
            await third.generations.feedback(generation.id, FeedbackRequest(text="shorter"), 0.0, ANONYMOUS)
        assert refused.value.code is Code.ALREADY_OVER


async def test_an_owner_that_has_dropped_a_generation_from_its_memory_takes_a_note_for_it() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        first.upstream.last.finish()
        await settle()
        first.hub._records.forget(generation.id)
        assert first.hub.record(generation.id) is None
        await second.generations.feedback(generation.id, NOTE, 0.0, ANONYMOUS)
        await first.generations.feedback(generation.id, NOTE, 0.0, ANONYMOUS)
        await settle()
        assert len((await second.find(generation)).notes) == 2


@pytest.mark.parametrize("owner", ["alive", "gone", "itself"])
async def test_what_has_ended_is_deleted_from_any_gateway(owner: str) -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("a")
        first.upstream.last.finish()
        await settle()
        if owner == "gone":
            await first.replica.close()
            await shared.advance(1)
        deleter = first if owner == "itself" else second
        await deleter.generations.delete(generation.id, ANONYMOUS)
        assert await shared.store.logs.read({generation.id: Position()}) == {}
        for gateway in (second, third):
            with pytest.raises(Refused) as refused:
                await gateway.find(generation)
            assert refused.value.code is Code.GENERATION_LOST


async def test_what_runs_is_stopped_and_then_deleted_from_any_gateway() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        await second.generations.delete(generation.id, ANONYMOUS)
        await settle()
        await shared.advance(0.2)
        assert isinstance(generation.end, Interrupted)
        assert mirrored.end == generation.end
        second.hub.remove_viewer(generation.id)
        await shared.advance(20)
        assert await shared.store.logs.read({generation.id: Position()}) == {}
        assert first.hub.record(generation.id) is None


async def test_an_interrupt_of_what_has_ended_asks_no_other_gateway() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        first.upstream.last.finish()
        await settle()
        second.faults.fail("messages.send")
        with pytest.raises(Refused) as refused:
            await second.generations.interrupt(generation.id, InterruptRequest(), 0.0, ANONYMOUS)
        assert refused.value.code is Code.ALREADY_OVER


async def test_a_new_owner_that_has_nothing_to_show_yet_is_asked_at_intervals() -> None:
    async with deployment(3, policy=ReplicaPolicy(on_owner_lost="continue")) as shared:
        first, *others = shared.gateways
        for gateway in others:
            gateway.upstream._auto_accept = False
        generation = await first.start()
        first.faults.fail()
        first.send("shown, and not stored")
        await shared.advance(7)
        [owner] = [gateway for gateway in others if gateway.hub.is_running(generation.id)]
        [other] = [gateway for gateway in others if gateway is not owner]
        finding = asyncio.create_task(other.find(generation, 3))
        other.faults.calls.clear()
        await shared.advance(1, 0.05)
        assert not finding.done()
        assert other.faults.calls.count("messages.send") < 30
        owner.upstream.last.accept()
        await shared.advance(0.2)
        assert (await finding).log.last > EPOCH_EVENTS
        owner.upstream.last.finish()
        first.faults.heal()
        await shared.advance(2)
