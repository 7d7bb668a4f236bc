"""Generations of a gateway that has died: each gets one new owner, which ends or continues it."""

import asyncio
from dataclasses import replace

import pytest

from gateway.generation.event_log import EPOCH_EVENTS
from gateway.generation.state import State
from gateway.pipeline.hub import RetentionPolicy
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused
from gateway.protocol.events import Chunk, Complete, Error, Gap, Interrupted, Retry, Revision, Start
from gateway.replicas.policy import ReplicaPolicy
from gateway.store.logs import Position
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Gateway, Limits, deployment, events
from tests.gateway.store.faulty_store import When
from tests.start_requests import ANONYMOUS, start_request

CONTINUE = ReplicaPolicy(on_owner_lost="continue")


def runs_on(shared: Deployment, generation_id: str) -> list[Gateway]:
    """Return the gateways that are alive and run a generation."""
    return [gateway for gateway in shared.gateways if not gateway.is_dead and gateway.hub.is_running(generation_id)]


async def bury(gateway: Gateway) -> None:
    """Remove what a dead gateway ran, so that nothing is left."""
    for record in tuple(gateway.hub._records):
        gateway.hub.delete(record.generation.id, ANONYMOUS)
    await settle()


async def test_three_gateways_that_notice_it_at_once_end_each_generation_once() -> None:
    async with deployment(4) as shared:
        first, *others = shared.gateways
        generations = [await first.streaming(f"{number}") for number in range(40)]
        await shared.advance(0.2)
        first.kill()
        await shared.advance(5)
        parts = await shared.store.logs.read({generation.id: Position() for generation in generations})
        owners = {part.head.owner for part in parts.values()}
        assert owners <= {gateway.replica.name for gateway in others}
        for generation in generations:
            part = parts[generation.id]
            assert (part.head.fence, part.head.ended, part.head.last) == (1, True, EPOCH_EVENTS + 1)
            assert [entry.is_end for entry in part.entries].count(True) == 1
        assert not await shared.store.logs.owned(first.replica.name)
        await bury(first)


async def test_a_taker_that_dies_is_succeeded() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("kept")
        await shared.advance(0.2)
        third.faults.fail("logs.take")
        # It has taken the generation, and stores nothing any more.
        second.faults.fail("logs.append")
        first.kill()
        await shared.advance(4.4)
        head = (await shared.store.logs.read({generation.id: Position()}))[generation.id].head
        assert (head.owner, head.fence, head.ended) == (second.replica.name, 1, False)
        second.kill()
        third.faults.heal()
        await shared.advance(6)
        found = await third.find(generation)
        assert isinstance(found.end, Error)
        assert found.log.last == 2 * EPOCH_EVENTS + 1
        second.faults.heal()
        await bury(first)
        await bury(second)


async def test_a_gateway_that_comes_back_between_two_looks_keeps_its_generations() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        # The other one sees it dead twice, and is slow with what follows.
        second.faults.hold("logs.take")
        first.kill()
        await shared.advance(4)
        await first.go_on()
        await shared.advance(0.4)
        second.faults.release()
        await shared.advance(5)
        assert runs_on(shared, generation.id) == [first]
        first.send("b")
        first.upstream.last.finish()
        await settle()
        assert events(await second.find(generation))[-2:] == [Chunk("ab"), generation.end]


async def test_a_take_whose_reply_is_lost_is_carried_out() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        second.faults.fail_once("logs.take", when=When.AFTER)
        first.kill()
        await shared.advance(8)
        assert isinstance((await second.find(generation)).end, Error)
        await bury(first)


async def test_an_interrupt_that_was_accepted_is_carried_out_by_the_next_owner() -> None:
    async with deployment(policy=CONTINUE) as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        # Its upstream connection takes long to close, and the gateway dies meanwhile.
        assert generation.interrupt("client", "enough", shared.clock.now())
        first.replica.writer.on_details(generation.id)
        await settle()
        first.kill()
        await shared.advance(5)
        end = (await second.find(generation)).end
        assert isinstance(end, Interrupted)
        assert (end.by, end.reason) == ("client", "enough")
        assert second.upstream.calls == []
        first.upstream.last.finish()
        await bury(first)


async def test_a_log_that_can_not_be_read_is_ended_all_the_same() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        logs = shared.store.logs
        generation = await first.streaming("a")
        await shared.advance(0.2)
        stored = logs._stored[generation.id]  # type: ignore[attr-defined]
        stored.head = replace(stored.head, details=b"{}")
        first.kill()
        await shared.advance(6)
        head = (await logs.read({generation.id: Position(1 << 62)}))[generation.id].head
        assert (head.owner, head.ended) == (second.replica.name, True)
        with pytest.raises(Refused) as refused:
            await second.find(generation)
        assert (refused.value.status, refused.value.retryable) == (503, True)
        await bury(first)


async def test_a_generation_is_continued_as_a_new_revision_once() -> None:
    async with deployment(3, policy=CONTINUE) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("lost ", "text")
        await shared.advance(0.2)
        mirrors = [await gateway.find(generation) for gateway in (second, third)]
        for gateway in (second, third):
            gateway.hub.add_viewer(generation.id)
        await settle()
        # The first one is written at once, the second one is not.
        first.send(" stored")
        await settle()
        first.send(" unstored")
        await settle()
        seen = generation.log.last
        first.kill()
        await shared.advance(5)
        [owner] = runs_on(shared, generation.id)
        assert len(second.upstream.calls) + len(third.upstream.calls) == 1
        assert owner.upstream.last.request.messages[0].content == "Hello"
        owner.send("whole")
        owner.upstream.last.finish()
        await settle()
        await shared.advance(0.1)
        for mirrored in mirrors:
            tail = events(mirrored, seen)
            assert [type(event) for event in tail] == [Gap, Retry, Revision, Start, Chunk, Complete]
            assert (tail[2], tail[3]) == (
                Revision(2, None, None, "failover"),
                Start("scripted", "m", 2, 2),
            )
            assert mirrored.log.text() == "whole"
            assert [attempt.ended for attempt in mirrored.attempts] == ["generation_lost", "answered"]
            used = [attempt.used() for attempt in mirrored.attempts]
            assert all(usage is not None and usage.output_tokens for usage in used)
        assert mirrors[0].usage() == mirrors[1].usage()
        for gateway in (second, third):
            gateway.hub.remove_viewer(generation.id)
        await bury(first)


async def test_generations_of_a_dead_gateway_are_read_side_by_side() -> None:
    async with deployment(policy=CONTINUE) as shared:
        first, second = shared.gateways
        generations = [await first.streaming("lost") for _ in range(3)]
        await shared.advance(0.2)
        second.faults.hold("logs.prompt")
        first.kill()
        await shared.advance(5)
        assert second.faults.calls.count("logs.prompt") == 3
        second.faults.release()
        await settle()
        assert all(second.hub.is_running(generation.id) for generation in generations)
        await bury(first)


async def test_a_takeover_and_a_search_for_orphans_at_the_same_moment_continue_it_once() -> None:
    async with deployment(policy=CONTINUE, limits=Limits(max_concurrent=5)) as shared:
        first, second = shared.gateways
        await first.streaming("lost")
        await shared.advance(0.2)
        second.faults.hold("logs.prompt")
        first.kill()
        await shared.advance(5)
        # After a pause, say: the generation is its own in the store, and does not run here yet.
        adopting = asyncio.ensure_future(second.replica.takeover.adopt_orphans())
        await settle()
        second.faults.release()
        await adopting
        await settle()
        assert len(second.upstream.calls) == second.hub.slots.running == 1
        await bury(first)


async def test_what_is_continued_can_be_revised_and_interrupted_from_anywhere() -> None:
    async with deployment(policy=CONTINUE) as shared:
        first, second = shared.gateways
        generation = await first.streaming("lost")
        await first.generations.feedback(generation.id, FeedbackRequest(text="shorter"), 0.0, ANONYMOUS)
        await settle()
        await shared.advance(0.2)
        first.kill()
        await shared.advance(5)
        # The prompt has what feedback had added before.
        messages = second.upstream.last.request.messages
        assert [message.content for message in messages] == ["Hello", "lost", "shorter"]
        second.send("new")
        await settle()
        await second.generations.feedback(generation.id, FeedbackRequest(text="longer"), 0.0, ANONYMOUS)
        await settle()
        messages = second.upstream.last.request.messages
        assert [message.content for message in messages] == ["Hello", "lost", "shorter", "new", "longer"]
        assert (await second.generations.interrupt(generation.id, InterruptRequest(), 0.0, ANONYMOUS)).stopped
        await settle()
        assert isinstance((await second.find(generation)).end, Interrupted)
        await bury(first)


async def test_what_is_continued_without_a_viewer_has_the_grace_period() -> None:
    async with deployment(policy=CONTINUE, retention_policy=RetentionPolicy(grace=20)) as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        first.kill()
        await shared.advance(5)
        continued = await second.find(generation)
        assert continued.state is State.WAITING
        await shared.advance(18)
        assert not continued.log.ended
        await shared.advance(4)
        assert isinstance(continued.end, Interrupted)
        assert continued.end.by == "disconnect"
        await bury(first)


async def test_a_viewer_elsewhere_keeps_alive_what_is_continued() -> None:
    policy = RetentionPolicy(grace=20)
    async with deployment(3, policy=CONTINUE, retention_policy=policy) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        third.faults.fail("logs.take")
        mirrored = await third.find(generation)
        third.hub.add_viewer(generation.id)
        await settle()
        first.kill()
        await shared.advance(4.4)
        third.faults.heal()
        await shared.advance(30)
        assert runs_on(shared, generation.id) == [second]
        assert second.hub.is_viewed(generation.id)
        assert not mirrored.log.ended
        third.hub.remove_viewer(generation.id)
        await shared.advance(21)
        assert isinstance((await third.find(generation)).end, Interrupted)
        await bury(first)


@pytest.mark.parametrize("cause", ["model", "prompt"])
async def test_what_can_not_be_continued_is_ended(cause: str) -> None:
    async with deployment(policy=CONTINUE) as shared:
        first, second = shared.gateways
        generation = await first.start(start_request())
        first.send("kept")
        await shared.advance(0.2)
        logs = shared.store.logs
        if cause == "model":
            second.hub.models = second.hub.models.only(frozenset())
        else:
            logs._stored[generation.id].prompt = b"{}"  # type: ignore[attr-defined]
        first.kill()
        await shared.advance(5)
        found = await second.find(generation)
        assert isinstance(found.end, Error)
        assert (found.end.code, found.log.text()) == ("generation_lost", "kept")
        assert second.upstream.calls == []
        await bury(first)
