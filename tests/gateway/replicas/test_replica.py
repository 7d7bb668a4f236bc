"""Gateways that share a store: reading, commands, and the death of an owner."""

import asyncio

import pytest

from gateway.generation.event_log import EPOCH_EVENTS
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused
from gateway.protocol.events import Chunk, Complete, Error, Gap, Interrupted
from gateway.replicas.policy import ReplicaPolicy
from gateway.store.logs import Take
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment, events
from tests.start_requests import ANONYMOUS


async def test_another_gateway_serves_a_generation_that_has_ended() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("Hello ", "there")
        first.upstream.last.finish()
        await settle()
        mirrored = await second.find(generation)
        assert events(mirrored) == events(generation)
        assert (mirrored.state, mirrored.usage(), mirrored.cost()) == (
            State.COMPLETE,
            generation.usage(),
            generation.cost(),
        )
        assert mirrored.metrics(0) == generation.metrics(0)


async def test_a_viewer_elsewhere_gets_what_comes_within_ten_milliseconds() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation, mirrored = await shared.viewed_on_second("a")
        assert first.hub.is_viewed(generation.id)
        first.send("b")
        await settle()
        await shared.advance(0.01)
        assert mirrored.log.text() == generation.log.text() == "ab"
        second.hub.remove_viewer(generation.id)
        await settle()
        assert not first.hub.is_viewed(generation.id)


async def test_without_a_viewer_elsewhere_batches_wait_longer() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        first.send("b")
        await settle()
        assert (await second.find(generation)).log.text() == "a"
        await shared.advance(0.2)
        assert (await second.find(generation)).log.text() == "ab"


async def test_a_position_is_not_refused_for_good_while_its_owner_does_not_answer() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        first.send("b")
        await settle()
        shown = generation.log.last
        first.kill()
        # Nobody takes over: its lease, say, is that of a process which has just been stopped.
        await shared.store.members.renew(first.replica.name, 60, b"{}")
        finding = asyncio.create_task(second.find(generation, shown))
        await shared.advance(ReplicaPolicy().owner_timeout + 1)
        with pytest.raises(Refused) as refused:
            await finding
        assert (refused.value.status, refused.value.retryable) == (503, True)
        await first.go_on()
        await shared.advance(1)
        assert (await second.find(generation, shown)).log.text() == "ab"


async def test_a_position_is_not_refused_for_good_while_its_generation_is_taken_over() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        first.send("b")
        await settle()
        shown = generation.log.last
        first.kill()
        # In the store, the taker owns it; it has not read it yet.
        await shared.store.logs.take([Take(generation.id, first.replica.name, 0, second.replica.name)])
        finding = asyncio.create_task(second.find(generation, shown))
        await shared.advance(2)
        assert not finding.done()
        await second.replica.takeover.adopt_orphans()
        await shared.advance(1)
        assert (await finding).log.ended


async def test_a_mirror_that_is_dropped_while_it_is_read_is_read_again() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        await second.find(generation)
        second.faults.hold("logs.read")
        finding = asyncio.create_task(second.find(generation))
        await settle()
        second.hub.mirrors.remove(generation.id)
        second.faults.release()
        assert (await finding).log.text() == "a"


async def test_a_generation_that_is_taken_over_while_it_is_read_is_served_with_its_end() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        second.faults.hold_reply("logs.read")
        finding = asyncio.create_task(second.find(generation))
        await settle()
        first.kill()
        await shared.advance(6)
        second.faults.release()
        assert (await finding).log.ended
        assert second.hub.mirrors.get(generation.id) is None


async def test_a_position_that_is_not_stored_yet_is_fetched_from_the_owner() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a", "b")
        mirrored = await second.find(generation, generation.log.last)
        assert mirrored.log.last == generation.log.last


async def test_commands_reach_the_owner() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming()
        request = InterruptRequest(reason="enough")
        result = await second.generations.interrupt(generation.id, request, 0.0, ANONYMOUS)
        assert result.stopped
        await settle()
        assert isinstance(generation.end, Interrupted)
        assert (await second.find(generation)).end == generation.end
        assert not (await second.generations.interrupt(generation.id, request, 0.0, ANONYMOUS)).stopped


async def test_a_note_after_the_end_is_stored() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming()
        first.upstream.last.finish()
        await settle()
        await second.generations.feedback(generation.id, FeedbackRequest(mode="note", rating=1), 0.0, ANONYMOUS)
        await settle()
        assert [note.rating for note in (await second.find(generation)).notes] == [1]


async def test_the_death_of_the_owner_ends_its_generations_once() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("kept ")
        await shared.advance(0.2)
        mirrored = await second.find(generation)
        second.hub.add_viewer(generation.id)
        await settle()
        # The first one is written at once, the second one is not.
        first.send("seen ")
        await settle()
        first.send("lost")
        await settle()
        first.kill()
        await shared.advance(5)
        end = mirrored.end
        assert isinstance(end, Error)
        assert (end.code, end.retryable, end.partial) == ("generation_lost", True, True)
        assert mirrored.log.last == EPOCH_EVENTS + 1
        other = await third.find(generation)
        assert events(other) == events(mirrored)
        ahead = await third.find(generation, generation.log.last)
        assert [type(event) for event in events(ahead, generation.log.last)] == [Gap, Error]
        assert ahead.log.text() == "kept seen "
        second.hub.remove_viewer(generation.id)
        first.hub.delete(generation.id, ANONYMOUS)


async def test_a_paused_owner_shows_its_viewers_what_others_have_stored() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("kept ")
        await shared.advance(0.2)
        first.hub.add_viewer(generation.id)
        first.send("unstored ")
        await settle()
        seen = generation.log.last
        first.kill()
        await shared.advance(5)
        # It goes on, and reads what has come before any timer is called.
        woken: list[int] = []
        generation.log.subscribe(lambda: woken.append(generation.log.last))
        first.send("late")
        await settle()
        assert not woken
        await first.go_on()
        await shared.advance(0.2)
        assert [type(event) for event in events(generation, seen)] == [Gap, Error]
        assert woken
        assert generation.end == (await second.find(generation)).end
        assert first.hub.running == 0
        first.hub.remove_viewer(generation.id)


async def test_a_complete_answer_is_kept_when_its_owner_leaves() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("all of it")
        first.upstream.last.finish()
        await settle()
        await first.hub.close()
        await first.replica.close()
        mirrored = await second.find(generation)
        assert isinstance(mirrored.end, Complete)
        assert Chunk("all of it") in events(mirrored)
