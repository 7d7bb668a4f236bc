"""The lease: what a gateway shows after a pause, and how it gets its generations back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.generation.generation import Generation
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused
from gateway.protocol.events import Complete, Error, Gap, Interrupted
from gateway.store.logs import Position
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Gateway, deployment, events
from tests.start_requests import ANONYMOUS


async def data(first: Gateway, _generation: Generation) -> None:
    first.send("late")


async def finish(first: Gateway, _generation: Generation) -> None:
    first.upstream.last.finish()


async def timer(first: Gateway, generation: Generation) -> None:
    # That of a disconnect policy, say, which is overdue.
    record = first.hub.record(generation.id)
    assert record is not None
    record.pipeline.interrupt("disconnect", "the last viewer left", first.clock.now())


async def note(first: Gateway, generation: Generation) -> None:
    # A command that was read before the pause: it does not look for the generation any more.
    first.hub.feedback(generation.id, FeedbackRequest(mode="note", rating=1), 0.0, ANONYMOUS)


async def revise(first: Gateway, generation: Generation) -> None:
    first.hub.feedback(generation.id, FeedbackRequest(text="shorter"), 0.0, ANONYMOUS)


FIRST_CALLBACKS = [data, finish, timer, note, revise]


async def paused(shared: Deployment) -> Generation:
    """Return a generation of the first gateway, which is paused until the second one has taken it over."""
    first = shared.gateways[0]
    generation = await first.streaming("kept ")
    await shared.advance(0.2)
    first.hub.add_viewer(generation.id)
    first.send("unstored ")
    await settle()
    first.kill()
    await shared.advance(6)
    return generation


@pytest.mark.parametrize("callback", FIRST_CALLBACKS)
async def test_nothing_is_shown_after_a_pause_that_the_store_refuses(
    callback: Callable[[Gateway, Generation], Awaitable[None]],
) -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await paused(shared)
        seen = generation.log.last
        shown: list[int] = []
        generation.log.subscribe(lambda: shown.append(generation.log.last))
        await callback(first, generation)
        await settle()
        assert not shown
        assert (generation.log.last, generation.log.ended) == (seen, False)
        assert generation.log.text() == "kept unstored "
        await first.go_on()
        await shared.advance(0.2)
        assert [type(event) for event in events(generation, seen)] == [Gap, Error]
        assert generation.log.text() == "kept "
        assert generation.end == (await second.find(generation)).end
        assert first.hub.running == 0
        first.hub.remove_viewer(generation.id)


@pytest.mark.parametrize("request_of", ["viewer", "interrupt", "feedback", "delete"])
async def test_a_request_after_a_pause_waits_until_it_is_known_what_is_ours(request_of: str) -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await paused(shared)
        generations, now = first.generations, shared.clock.now()
        match request_of:
            case "viewer":
                task = asyncio.ensure_future(first.find(generation))
            case "interrupt":
                task = asyncio.ensure_future(
                    generations.interrupt(generation.id, InterruptRequest(), now, ANONYMOUS)  # type: ignore[arg-type]
                )
            case "feedback":
                request = FeedbackRequest(text="shorter")
                task = asyncio.ensure_future(
                    generations.feedback(generation.id, request, now, ANONYMOUS)  # type: ignore[arg-type]
                )
            case _:
                task = asyncio.ensure_future(
                    generations.delete(generation.id, ANONYMOUS)  # type: ignore[arg-type]
                )
        await settle()
        assert not task.done()
        await first.go_on()
        await shared.advance(0.4)
        if request_of in {"interrupt", "feedback"}:
            with pytest.raises(Refused, match="already over"):
                task.result()
        else:
            task.result()
        if request_of == "delete":
            assert await shared.store.logs.read({generation.id: Position()}) == {}
        else:
            assert isinstance((await second.find(generation)).end, Error)
        first.hub.remove_viewer(generation.id)


async def test_after_a_pause_that_no_other_gateway_has_noticed_all_goes_on() -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        generation = await paused(shared)
        shown: list[int] = []
        generation.log.subscribe(lambda: shown.append(generation.log.last))
        first.send("late ")
        await settle()
        assert not shown
        await first.go_on()
        assert shown
        assert generation.log.text() == "kept unstored late "
        first.upstream.last.finish()
        await settle()
        assert isinstance(generation.end, Complete)
        part = (await shared.store.logs.read({generation.id: Position()}))[generation.id]
        assert (part.head.fence, part.head.ended, part.head.last) == (1, True, generation.log.last)
        first.hub.remove_viewer(generation.id)


async def test_after_a_pause_without_the_store_it_goes_on_from_memory_only_after_a_while() -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        generation = await paused(shared)
        first.faults.fail()
        shown: list[int] = []
        generation.log.subscribe(lambda: shown.append(generation.log.last))
        first.send("late ")
        await first.go_on()
        await shared.advance(3)
        assert not shown
        await shared.advance(3)
        assert shown
        assert generation.log.text() == "kept unstored late "
        first.hub.remove_viewer(generation.id)


async def test_a_request_that_waits_after_a_pause_renews_no_more_often_than_the_task() -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        generation = await paused(shared)
        first.faults.fail()
        await first.go_on()
        tries = first.faults.calls.count("members.renew")
        finding = asyncio.ensure_future(first.find(generation))
        await settle()
        assert not finding.done()
        assert first.faults.calls.count("members.renew") == tries + 1
        await shared.advance(6)
        assert await finding is generation
        first.hub.remove_viewer(generation.id)


async def test_without_the_store_viewers_see_everything_at_once() -> None:
    async with deployment() as shared:
        first = shared.gateways[0]
        generation = await first.streaming("a")
        first.faults.fail()
        for index in range(40):
            first.send("b")
            await settle()
            await shared.advance(0.2)
            assert generation.log.text() == "a" + "b" * (index + 1)


async def test_a_renewal_that_takes_longer_than_the_lease_counts_as_a_failure() -> None:
    async with deployment(1) as shared:
        first = shared.gateways[0]
        generation = await first.streaming("a")
        for _ in range(4):
            first.faults.hold("members.renew")
            await shared.advance(3.6)
            first.faults.release()
            await settle()
        first.send("b")
        await settle()
        assert generation.log.text() == "ab"


async def test_a_command_and_the_loss_of_the_generation_at_the_same_moment() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await paused(shared)
        record = first.hub.record(generation.id)
        assert record is not None
        record.pipeline.feedback("f_1", FeedbackRequest(text="shorter"), 0.0)
        record.pipeline.interrupt("client", "enough", 0.0)
        await first.go_on()
        await shared.advance(0.2)
        assert isinstance(generation.end, Error)
        assert not isinstance((await second.find(generation)).end, Interrupted)
        assert not generation.notes
        assert first.upstream.open_calls == 0
        first.hub.remove_viewer(generation.id)
