"""The life of one generation: the queue, the call, commands, and its end."""

import gc
from collections.abc import Callable
from itertools import product
from typing import Final

import pytest

from gateway.admission.rate_limits import RateLimits
from gateway.generation.event_log import EventLog
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub import RetentionPolicy
from gateway.pipeline.pipeline import Pipeline
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Interrupted, Usage
from gateway.routing.watchdog import Limits
from gateway.security.principals import anonymous
from tests.event_loop import settle
from tests.event_types import event_types
from tests.gateway.pipeline.log_events import events, starts, terminal_event
from tests.gateway.pipeline.one_target import (
    OneTarget,
    interrupt,
    one_target,
    to_connecting,
    to_ending,
    to_not_started,
    to_queued,
    to_retrying,
    to_revising,
    to_streaming,
    to_waiting,
)
from tests.gateway.pipeline.two_targets import two_targets
from tests.start_requests import ANONYMOUS


async def test_a_complete_answer() -> None:
    async with one_target() as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.send("Xin ", "chào")
        harness.upstream.last.finish(usage=Usage(3, 2, "exact"))
        await settle()
        assert event_types(generation.log) == ["accepted", "start", "chunk", "complete"]
        assert generation.usage() == Usage(3, 2, "exact")
        harness.assert_nothing_left()


STATES = [to_not_started, to_queued, to_connecting, to_waiting, to_streaming, to_revising, to_retrying, to_ending]


def stop_by_feedback(harness: OneTarget, generation: Generation) -> None:
    harness.hub.feedback(generation.id, FeedbackRequest(text="no", mode="stop"), harness.clock.now(), ANONYMOUS)


def disconnect(harness: OneTarget, generation: Generation) -> None:
    harness.hub.add_viewer(generation.id)
    harness.hub.remove_viewer(generation.id)
    harness.clock.advance(5)


def let_time_pass(harness: OneTarget, _generation: Generation) -> None:
    harness.clock.advance(60)


def fail_upstream(harness: OneTarget, _generation: Generation) -> None:
    for call in harness.upstream.calls:
        if not call._opening.done():
            call.refuse(Failed(Code.SERVER_ERROR, "no"))
        call.fail(Failed(Code.TRUNCATED, "cut"))


def shut_down(harness: OneTarget, _generation: Generation) -> None:
    harness.hub.draining = True
    for record in harness.hub._records._by_id.values():
        assert record.task is not None
        record.task.cancel()


CAUSES = [interrupt, stop_by_feedback, disconnect, let_time_pass, fail_upstream, shut_down]


@pytest.mark.parametrize(("reach", "cause"), list(product(STATES, CAUSES)))
async def test_every_cause_in_every_state_ends_once_and_releases_everything(
    reach: Callable[[OneTarget], object], cause: Callable[[OneTarget, Generation], None]
) -> None:
    async with one_target(slots=1, queue=5, auto_accept=False, attempts=3) as harness:
        generation = await reach(harness)  # type: ignore[misc]
        cause(harness, generation)
        await settle()
        if not generation.log.ended:
            # It was queued when the upstream failed, or it called again: end that too.
            interrupt(harness, generation)
            await settle()
        ends = [
            entry.event for entry in generation.log.since(0) if entry.event.type in {"interrupted", "error", "complete"}
        ]
        assert ends == [terminal_event(generation)]
        for other in [record.generation for record in harness.hub._records._by_id.values()]:
            if not other.state.is_terminal:
                interrupt(harness, other)
        await settle()
        harness.assert_nothing_left()


@pytest.mark.parametrize("reach", STATES)
async def test_an_interrupt_ends_every_state_and_closes_the_upstream(reach: Callable[[OneTarget], object]) -> None:
    async with one_target(slots=1, queue=5, auto_accept=False, attempts=3) as harness:
        generation: Generation = await reach(harness)  # type: ignore[misc]
        before = harness.upstream.open_calls
        interrupt(harness, generation)
        assert generation.state is State.STOPPING
        await settle()
        stopped = terminal_event(generation)
        assert isinstance(stopped, Interrupted)
        assert (stopped.by, stopped.reason) == ("client", "enough")
        if reach not in {to_queued, to_not_started, to_retrying}:
            assert harness.upstream.open_calls == before - 1


async def test_content_after_the_fence_is_dropped() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        interrupt(harness, generation)
        harness.upstream.last.send("late")
        harness.upstream.last.finish()
        await settle()
        assert event_types(generation.log) == ["accepted", "start", "chunk", "interrupted"]
        assert generation.log.text() == "Once upon "


async def test_a_revision_calls_again_with_the_partial_answer_and_the_feedback() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        first, second = harness.upstream.calls
        assert first.closed
        assert not second.closed
        assert [(m.role, m.content) for m in second.request.messages] == [
            ("user", "Hello"),
            ("assistant", "Once upon "),
            ("user", "shorter"),
        ]
        second.send("Short.")
        second.finish()
        await settle()
        assert generation.log.text() == "Short."
        assert event_types(generation.log)[-4:] == ["revision", "start", "chunk", "complete"]


async def test_the_queue_moves_and_reports_positions() -> None:
    async with one_target(slots=1, queue=2) as harness:
        running = await harness.streaming()
        waiting = [harness.start(), harness.start()]
        await settle()
        with pytest.raises(Refused) as refused:
            harness.start()
        assert refused.value.code is Code.QUEUE_FULL
        interrupt(harness, running)
        await settle()
        assert event_types(waiting[0].log) == ["accepted", "queued", "start"]
        assert event_types(waiting[1].log) == ["accepted", "queued", "queued"]
        harness.clock.advance(30)
        await settle()
        timed_out = terminal_event(waiting[1])
        assert isinstance(timed_out, Error)
        assert (timed_out.code, timed_out.retryable, timed_out.partial) == ("queue_timeout", True, False)


async def test_a_slot_and_an_interrupt_in_the_same_turn() -> None:
    async with one_target(slots=1, queue=5) as harness:
        running = await harness.streaming()
        waiting = harness.start()
        await settle()
        pipeline = harness.hub._records._by_id[running.id].pipeline
        assert isinstance(pipeline, Pipeline)
        harness.hub.slots.release(pipeline._slot_request, harness.clock.now())
        interrupt(harness, waiting)
        await settle()
        stopped = terminal_event(waiting)
        assert isinstance(stopped, Interrupted)
        assert stopped.by == "client"
        assert len(harness.upstream.calls) == 1


async def test_a_queue_timeout_and_a_move_in_the_same_turn(caplog: pytest.LogCaptureFixture) -> None:
    async with one_target(
        slots=1, queue=5, limits=Limits(queue_timeout=30, stall_timeout=0, first_token_timeout=0)
    ) as harness:
        running = await harness.streaming()
        first, second = harness.start(), harness.start()
        await settle()
        interrupt(harness, first)
        harness.clock.advance(30)
        await settle()
        assert terminal_event(second).type == "error"
        interrupt(harness, running)
        await settle()
        assert "Traceback" not in caplog.text


async def test_a_full_queue_makes_room_for_a_principal_with_fewer_requests_in_it() -> None:
    async with one_target(slots=1, queue=4, rate_limits=RateLimits(60, 9)) as harness:
        busy = [harness.start(principal="busy") for _ in range(5)]
        await settle()
        quiet = harness.start(principal="quiet")
        await settle()
        evicted = terminal_event(busy[-1])
        assert isinstance(evicted, Error)
        assert (evicted.code, evicted.retryable) == ("queue_full", True)
        assert quiet.state is State.QUEUED
        with pytest.raises(Refused):
            harness.start(principal="busy")
        allowance = harness.hub.allowance(anonymous("busy"))
        assert allowance is not None
        assert allowance.remaining == 4
        interrupt(harness, busy[0])
        await settle()
        interrupt(harness, busy[1])
        await settle()
        assert harness.upstream.last.request.messages is quiet.prompt


async def test_an_internal_error_ends_the_generation_and_reveals_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        harness.upstream.last._reads.put_nowait([object()])  # type: ignore[list-item]
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.code == "server_error"
        assert "object" not in failed.message
        assert "Traceback" in caplog.text


SHORTER: Final = FeedbackRequest(text="shorter")
"""Made outside of the test: pydantic, which builds a model at its first use, keeps what is local where that is."""


@pytest.mark.parametrize("ends_in_future", [False, True])
@pytest.mark.parametrize("ending", ["complete", "interrupted", "broken off", "refused", "disconnected", "revised"])
async def test_a_forgotten_generation_is_freed_without_the_garbage_collector(
    ending: str, *, ends_in_future: bool
) -> None:
    gc.disable()
    try:
        async with one_target(
            slots=1, auto_accept=False, retention_policy=RetentionPolicy(on_disconnect="cancel", retention=10)
        ) as harness:
            generation = harness.start()
            log_id = id(generation.log)
            await settle()
            call = harness.upstream.last
            call.ends_in_future = ends_in_future
            if ending == "refused":
                call.refuse(Failed(Code.INVALID_REQUEST, "no", retryable=False))
            else:
                call.accept()
                await settle()
                call.send("Xin ", "chào")
                await settle()
            if ending == "complete":
                call.finish()
            elif ending == "interrupted":
                interrupt(harness, generation)
            elif ending == "broken off":
                call.fail(Failed(Code.TRUNCATED, "broke off"))
            elif ending == "disconnected":
                harness.hub.add_viewer(generation.id)
                harness.hub.remove_viewer(generation.id)
            elif ending == "revised":
                harness.hub.feedback(generation.id, SHORTER, harness.clock.now(), ANONYMOUS)
                await settle()
                interrupt(harness, generation)
            await settle()
            assert generation.state.is_terminal
            harness.clock.advance(11)
            await settle()
            harness.upstream.calls.clear()
            del generation, call
            await settle()
            assert log_id not in {id(kept) for kept in gc.get_objects() if isinstance(kept, EventLog)}
    finally:
        gc.enable()


async def test_a_generation_waits_for_a_full_target_as_for_a_slot() -> None:
    async with two_targets() as harness:
        for target in harness.targets:
            target.max_concurrent = 1
        await harness.start()
        await harness.start()
        waiting = await harness.start()
        for _ in range(15):
            await harness.advance(1)
        assert not [e for e in events(waiting) if e.type == "retry"]
        assert not waiting.log.ended
        assert event_types(waiting.log) == ["accepted", "queued"]
        harness.hub.interrupt(
            next(iter(harness.hub._records._by_id)), InterruptRequest(), harness.clock.now(), ANONYMOUS
        )
        await settle()
        assert harness.a.open_calls == 1
        await harness.accept(harness.a)
        await harness.send(harness.a, "x")
        await harness.finish(harness.a)
        assert event_types(waiting.log) == ["accepted", "queued", "start", "chunk", "complete"]
        waiting = await harness.start()
        latest = await harness.start()
        await harness.advance(30)
        failed = terminal_event(latest)
        assert isinstance(failed, Error)
        assert (failed.code, latest.attempts) == ("queue_timeout", [])


async def test_a_generation_that_leaves_the_queue_of_a_target_wakes_the_next_one() -> None:
    async with two_targets() as harness:
        for target in harness.targets:
            target.max_concurrent = 1
        first, _ = await harness.start(), await harness.start()
        waiting, behind = await harness.start(), await harness.start()
        harness.hub.interrupt(first.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        harness.hub.interrupt(waiting.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        await settle()
        assert (waiting.attempts, len(behind.attempts)) == ([], 1)


async def test_a_full_target_is_skipped_without_an_attempt() -> None:
    async with two_targets() as harness:
        harness.targets[0].max_concurrent = 1
        first, second = await harness.start(), await harness.start()
        await harness.accept(harness.a, harness.b)
        await harness.send(harness.b, "x")
        assert (starts(first), starts(second)) == ([("a", 1, 1)], [("b", 1, 1)])
        await harness.send(harness.a, "x")
        await harness.finish(harness.a)
        third = await harness.start()
        await harness.accept(harness.a)
        assert starts(third) == [("a", 1, 1)]
