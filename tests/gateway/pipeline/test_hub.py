"""Hub and pipeline together: a clock moved by hand, an upstream released step by step."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product

import orjson
import pytest

from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.generation.content_counter import FRAME_BYTES
from gateway.generation.feedback_notes import FEEDBACK_BYTES, MAX_FEEDBACK
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub import Hub, RetentionPolicy
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Event, Interrupted, Retry, ToolCall, Usage
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.security.principals import GenerationScope, Principal, anonymous
from gateway.upstreams.base import Finished
from tests.support import ANYBODY, ManualClock, ScriptedUpstream, ask, settle, types

LIMITS = Limits(queue_timeout=30, first_token_timeout=60, stall_timeout=20, usage_timeout=5)


@dataclass
class Bench:
    hub: Hub
    clock: ManualClock
    upstream: ScriptedUpstream

    def start(
        self, request: StartRequest | None = None, principal: str = "", idempotency_key: str | None = None
    ) -> Generation:
        return self.hub.start(
            request or ask(), request_id="r", principal=anonymous(principal), idempotency_key=idempotency_key
        )

    async def streaming(self, request: StartRequest | None = None) -> Generation:
        generation = self.start(request)
        await settle()
        self.upstream.last.send("Once upon ")
        await settle()
        assert generation.state is State.STREAMING
        return generation

    def nothing_is_left(self) -> None:
        assert self.hub.slots.running == self.hub.slots.queued == 0
        assert self.hub.running == 0
        assert self.upstream.open_calls == 0


@asynccontextmanager
async def bench(
    *,
    slots: int = 0,
    queue: int = 0,
    prompt: bool = True,
    keeping: RetentionPolicy | None = None,
    limits: Limits = LIMITS,
    attempts: int = 1,
    breaker: int = 0,
    rates: RateLimits | None = None,
) -> AsyncIterator[Bench]:
    clock, upstream = ManualClock(), ScriptedUpstream(prompt=prompt)
    target = Target(upstream, limits=limits, breaker=Breaker(breaker, cooldown=10))
    policy = Policy(limits, Backoff(attempts, retry_base=1, retry_longest=8, retry_within=60), random=lambda: 1.0)
    hub = Hub(
        ModelRegistry([Model("m", [target], policy)]),
        Slots(slots, queue),
        clock,
        rate_limits=rates,
        retention_policy=keeping,
    )
    made = Bench(hub, clock, upstream)
    others = asyncio.all_tasks()
    yield made
    await hub.close()
    await settle()
    made.nothing_is_left()
    assert clock.pending == 0
    assert asyncio.all_tasks() == others


def end(generation: Generation) -> Event:
    assert generation.log.ended
    return generation.log.since(generation.log.last - 1)[0].event


async def test_a_whole_answer() -> None:
    async with bench() as it:
        generation = it.start()
        await settle()
        it.upstream.last.send("Xin ", "chào")
        it.upstream.last.finish(usage=Usage(3, 2, "exact"))
        await settle()
        assert types(generation.log) == ["accepted", "start", "chunk", "complete"]
        assert generation.usage() == Usage(3, 2, "exact")
        it.nothing_is_left()


async def test_usage_may_come_after_the_end_mark_but_is_not_waited_for_long() -> None:
    async with bench() as it:
        generation = await it.streaming()
        it.upstream.last.send(Finished("stop"))
        await settle()
        assert not generation.log.ended
        it.clock.advance(5)
        await settle()
        assert end(generation).type == "complete"
        assert generation.usage().source == "estimated"
        it.nothing_is_left()


async def to_queued(it: Bench) -> Generation:
    it.start()
    await settle()
    generation = it.start()
    await settle()
    assert generation.state is State.QUEUED
    return generation


async def to_connecting(it: Bench) -> Generation:
    generation = it.start()
    await settle()
    assert generation.state is State.CONNECTING
    return generation


async def to_waiting(it: Bench) -> Generation:
    generation = await to_connecting(it)
    it.upstream.last.accept()
    await settle()
    assert generation.state is State.WAITING
    return generation


async def to_streaming(it: Bench) -> Generation:
    generation = await to_waiting(it)
    it.upstream.last.send("Once ")
    await settle()
    assert generation.state is State.STREAMING
    return generation


async def to_revising(it: Bench) -> Generation:
    generation = await to_streaming(it)
    it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
    assert generation.state is State.REVISING
    return generation


async def to_not_begun(it: Bench) -> Generation:
    return it.start()


async def to_ending(it: Bench) -> Generation:
    generation = await to_streaming(it)
    it.upstream.last.send(Finished("stop"))
    await settle()
    return generation


def interrupt(it: Bench, generation: Generation) -> None:
    it.hub.interrupt(generation.id, InterruptRequest(reason="enough"), it.clock.now(), ANYBODY)


def stop_by_feedback(it: Bench, generation: Generation) -> None:
    it.hub.feedback(generation.id, FeedbackRequest(text="no", mode="stop"), it.clock.now(), ANYBODY)


def leave(it: Bench, generation: Generation) -> None:
    it.hub.add_viewer(generation.id)
    it.hub.remove_viewer(generation.id)
    it.clock.advance(5)


def nothing_comes(it: Bench, _generation: Generation) -> None:
    it.clock.advance(60)


def upstream_fails(it: Bench, _generation: Generation) -> None:
    for call in it.upstream.calls:
        if not call._opening.done():
            call.refuse(Failed(Code.SERVER_ERROR, "no"))
        call.fail(Failed(Code.TRUNCATED, "cut"))


def shut_down(it: Bench, _generation: Generation) -> None:
    it.hub.draining = True
    for record in it.hub._records._by_id.values():
        assert record.task is not None
        record.task.cancel()


async def to_retrying(it: Bench) -> Generation:
    generation = await to_connecting(it)
    it.upstream.last.refuse(Failed(Code.SERVER_ERROR, "no"))
    await settle()
    assert types(generation.log)[-1] == "retry"
    return generation


STATES = [to_not_begun, to_queued, to_connecting, to_waiting, to_streaming, to_revising, to_retrying, to_ending]
CAUSES = [interrupt, stop_by_feedback, leave, nothing_comes, upstream_fails, shut_down]


@pytest.mark.parametrize(("reach", "cause"), list(product(STATES, CAUSES)))
async def test_whatever_ends_it_in_whatever_state_all_is_given_back(
    reach: Callable[[Bench], object], cause: Callable[[Bench, Generation], None]
) -> None:
    async with bench(slots=1, queue=5, prompt=False, attempts=3) as it:
        generation = await reach(it)  # type: ignore[misc]
        cause(it, generation)
        await settle()
        if not generation.log.ended:
            # Its upstream failed while it was queued, or it began anew: end that, too.
            interrupt(it, generation)
            await settle()
        ends = [
            entry.event for entry in generation.log.since(0) if entry.event.type in {"interrupted", "error", "complete"}
        ]
        assert ends == [end(generation)]
        for other in [record.generation for record in it.hub._records._by_id.values()]:
            if not other.state.is_terminal:
                interrupt(it, other)
        await settle()
        it.nothing_is_left()


@pytest.mark.parametrize("reach", STATES)
async def test_an_interrupt_ends_every_state_and_closes_the_upstream(reach: Callable[[Bench], object]) -> None:
    async with bench(slots=1, queue=5, prompt=False, attempts=3) as it:
        generation: Generation = await reach(it)  # type: ignore[misc]
        before = it.upstream.open_calls
        interrupt(it, generation)
        assert generation.state is State.STOPPING
        await settle()
        stopped = end(generation)
        assert isinstance(stopped, Interrupted)
        assert (stopped.by, stopped.reason) == ("client", "enough")
        if reach not in {to_queued, to_not_begun, to_retrying}:
            assert it.upstream.open_calls == before - 1


async def test_what_the_upstream_sends_after_the_fence_is_dropped() -> None:
    async with bench() as it:
        generation = await it.streaming()
        interrupt(it, generation)
        it.upstream.last.send("late")
        it.upstream.last.finish()
        await settle()
        assert types(generation.log) == ["accepted", "start", "chunk", "interrupted"]
        assert generation.log.text() == "Once upon "


async def test_a_revision_calls_again_with_the_partial_answer_and_the_feedback() -> None:
    async with bench() as it:
        generation = await it.streaming()
        it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
        await settle()
        first, second = it.upstream.calls
        assert first.closed
        assert not second.closed
        assert [(m.role, m.content) for m in second.call.messages] == [
            ("user", "Hello"),
            ("assistant", "Once upon "),
            ("user", "shorter"),
        ]
        second.send("Short.")
        second.finish()
        await settle()
        assert generation.log.text() == "Short."
        assert types(generation.log)[-4:] == ["revision", "start", "chunk", "complete"]


async def test_an_interrupt_names_its_generation_and_hits_no_other() -> None:
    async with bench() as it:
        old = await it.streaming()
        interrupt(it, old)
        await settle()
        new = await it.streaming()
        interrupt(it, old)
        await settle()
        assert new.state is State.STREAMING


async def test_the_queue_moves_and_says_so() -> None:
    async with bench(slots=1, queue=2) as it:
        running = await it.streaming()
        waiting = [it.start(), it.start()]
        await settle()
        with pytest.raises(Refused) as refused:
            it.start()
        assert refused.value.code is Code.QUEUE_FULL
        interrupt(it, running)
        await settle()
        assert types(waiting[0].log) == ["accepted", "queued", "start"]
        assert types(waiting[1].log) == ["accepted", "queued", "queued"]
        it.clock.advance(30)
        await settle()
        timed_out = end(waiting[1])
        assert isinstance(timed_out, Error)
        assert (timed_out.code, timed_out.retryable, timed_out.partial) == ("queue_timeout", True, False)


@pytest.mark.parametrize(
    ("reach", "seconds", "code"), [(to_waiting, 60, "first_token_timeout"), (to_streaming, 20, "stalled")]
)
async def test_a_silent_upstream_is_given_up(reach: Callable[[Bench], object], seconds: float, code: str) -> None:
    async with bench(prompt=False) as it:
        generation: Generation = await reach(it)  # type: ignore[misc]
        it.clock.advance(seconds - 0.1)
        await settle()
        assert not generation.log.ended
        it.clock.advance(0.1)
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.code == code
        assert it.upstream.open_calls == 0


async def test_content_puts_the_stall_off_but_an_empty_read_does_not() -> None:
    async with bench() as it:
        generation = await it.streaming()
        for _ in range(5):
            it.clock.advance(19)
            it.upstream.last.send("more ")
            await settle()
        it.clock.advance(19)
        it.upstream.last.send()
        await settle()
        it.clock.advance(1)
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("stalled", True)


@pytest.mark.parametrize(
    ("policy", "after", "state"),
    [("cancel", 0, "interrupted"), ("grace", 5, "interrupted"), ("continue", 500, "streaming")],
)
async def test_what_becomes_of_it_when_the_last_viewer_leaves(policy: str, after: float, state: str) -> None:
    async with bench(limits=Limits(stall_timeout=0)) as it:
        generation = await it.streaming(ask(on_disconnect=policy))
        it.hub.add_viewer(generation.id)
        it.hub.add_viewer(generation.id)
        it.hub.remove_viewer(generation.id)
        it.clock.advance(1000)
        await settle()
        assert generation.state is State.STREAMING
        it.hub.remove_viewer(generation.id)
        it.clock.advance(after)
        await settle()
        assert generation.state == state
        if state == "interrupted":
            stopped = end(generation)
            assert isinstance(stopped, Interrupted)
            assert stopped.by == "disconnect"


async def test_who_comes_back_within_the_grace_keeps_it_running() -> None:
    async with bench(limits=Limits(stall_timeout=0)) as it:
        generation = await it.streaming()
        it.hub.add_viewer(generation.id)
        it.hub.remove_viewer(generation.id)
        it.clock.advance(4.9)
        it.hub.add_viewer(generation.id)
        it.clock.advance(100)
        await settle()
        assert generation.state is State.STREAMING


async def test_a_generation_nobody_ever_viewed_runs_on() -> None:
    async with bench(limits=Limits(stall_timeout=0)) as it:
        generation = await it.streaming()
        it.clock.advance(100)
        await settle()
        assert generation.state is State.STREAMING


async def test_finished_generations_are_held_for_a_time_and_up_to_a_number() -> None:
    async with bench(keeping=RetentionPolicy(retention=300, max_retained=3)) as it:
        finished = []
        for _ in range(5):
            generation = await it.streaming()
            it.upstream.last.finish()
            await settle()
            finished.append(generation.id)
        for lost in finished[:2]:
            with pytest.raises(Refused) as refused:
                it.hub.find(lost, ANYBODY)
            assert refused.value.code is Code.GENERATION_LOST
        assert it.hub.find(finished[4], ANYBODY).log.text() == "Once upon "
        it.clock.advance(300)
        with pytest.raises(Refused):
            it.hub.find(finished[4], ANYBODY)
        assert it.clock.pending == 0


async def test_an_idempotency_key_starts_once() -> None:
    async with bench() as it:
        first = it.start(idempotency_key="k")
        assert it.start(idempotency_key="k") is first
        assert it.start(idempotency_key="k", principal="other") is not first
        with pytest.raises(Refused) as refused:
            it.start(ask("something else"), idempotency_key="k")
        assert refused.value.status == 409
        await settle()
        it.upstream.calls[0].finish()
        await settle()
        assert it.start(idempotency_key="k") is first
        it.clock.advance(300)
        assert it.start(idempotency_key="k") is not first


async def test_an_unknown_model_is_refused_and_nothing_is_started() -> None:
    async with bench() as it:
        with pytest.raises(Refused) as refused:
            it.start(StartRequest.model_validate({"messages": [{"role": "user", "content": "x"}], "model": "gpt-9"}))
        assert refused.value.code is Code.MODEL_NOT_FOUND
        assert "known are: m" in refused.value.message
        assert it.hub.running == 0


async def test_feedback_is_bounded() -> None:
    async with bench() as it:
        generation = await it.streaming()
        note = FeedbackRequest(rating=1, mode="note")
        for _ in range(MAX_FEEDBACK):
            it.hub.feedback(generation.id, note, it.clock.now(), ANYBODY)
        with pytest.raises(Refused, match="100 feedbacks, the maximum"):
            it.hub.feedback(generation.id, note, it.clock.now(), ANYBODY)


async def test_a_fault_of_ours_ends_the_generation_and_tells_nothing_of_our_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as it:
        generation = await it.streaming()
        it.upstream.last._parts.put_nowait([object()])  # type: ignore[list-item]
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.code == "server_error"
        assert "object" not in failed.message
        assert "Traceback" in caplog.text


async def test_a_drain_lets_run_what_runs_and_ends_what_is_left() -> None:
    async with bench() as it:
        quick, slow = await it.streaming(), await it.streaming()
        draining = asyncio.create_task(it.hub.drain(10))
        await settle()
        with pytest.raises(Refused) as refused:
            it.start()
        assert refused.value.code is Code.SHUTTING_DOWN
        it.upstream.calls[0].finish()
        await settle()
        assert not draining.done()
        it.clock.advance(10)
        await draining
        assert end(quick).type == "complete"
        left = end(slow)
        assert isinstance(left, Error)
        assert (left.code, left.retryable) == ("shutting_down", True)


def refusal(code: Code = Code.SERVER_ERROR, retry_after_ms: int | None = None) -> Failed:
    return Failed(code, "no", retry_after_ms=retry_after_ms)


def retries(generation: Generation) -> list[tuple[str, int]]:
    return [(e.event.code, e.event.delay_ms) for e in generation.log.since(0) if isinstance(e.event, Retry)]


async def test_before_the_first_content_it_is_tried_again_with_growing_waits() -> None:
    async with bench(prompt=False, attempts=4) as it:
        generation = it.start()
        for number, wait in enumerate((1, 2, 4), start=1):
            await settle()
            assert len(it.upstream.calls) == number
            it.upstream.last.refuse(refusal())
            await settle()
            it.clock.advance(wait - 0.1)
            await settle()
            assert len(it.upstream.calls) == number
            it.clock.advance(0.1)
        await settle()
        it.upstream.last.accept()
        it.upstream.last.send("at last")
        it.upstream.last.finish()
        await settle()
        assert types(generation.log) == ["accepted", "retry", "retry", "retry", "start", "chunk", "complete"]
        assert retries(generation) == [("server_error", 1000), ("server_error", 2000), ("server_error", 4000)]
        assert generation.usage().input_tokens == generation.attempts[-1].used().input_tokens  # type: ignore[union-attr]


async def test_a_silent_first_attempt_is_tried_again_and_its_socket_closed() -> None:
    async with bench(attempts=2, limits=Limits(first_token_timeout=30)) as it:
        generation = it.start()
        await settle()
        it.clock.advance(30)
        await settle()
        assert it.upstream.calls[0].closed
        assert retries(generation) == [("first_token_timeout", 1000)]
        it.clock.advance(1)
        await settle()
        assert len(it.upstream.calls) == 2


async def test_after_the_first_content_nothing_is_tried_again() -> None:
    async with bench(attempts=4) as it:
        generation = await it.streaming()
        it.upstream.last.fail(refusal(Code.TRUNCATED))
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, failed.retryable) == ("truncated", True, True)
        assert len(it.upstream.calls) == 1


@pytest.mark.parametrize("code", [Code.AUTH_ERROR, Code.INVALID_REQUEST, Code.MODEL_NOT_FOUND, Code.CONTENT_FILTER])
async def test_what_will_not_get_better_is_not_tried_again(code: Code) -> None:
    async with bench(prompt=False, attempts=4) as it:
        generation = it.start()
        await settle()
        it.upstream.last.refuse(refusal(code))
        await settle()
        assert end(generation).type == "error"
        assert len(it.upstream.calls) == 1


async def test_a_provider_that_says_when_is_not_asked_before() -> None:
    async with bench(prompt=False, attempts=4) as it:
        generation = it.start()
        await settle()
        it.upstream.last.refuse(refusal(Code.RATE_LIMIT, 7000))
        await settle()
        assert retries(generation) == [("rate_limit", 8000)]
        it.clock.advance(7.9)
        await settle()
        assert len(it.upstream.calls) == 1
        it.clock.advance(0.1)
        await settle()
        it.upstream.last.refuse(refusal(Code.RATE_LIMIT, 600_000))
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.retry_after_ms == 600_000


async def test_feedback_while_waiting_to_try_again_begins_at_once() -> None:
    async with bench(prompt=False, attempts=4) as it:
        generation = await to_retrying(it)
        it.hub.feedback(generation.id, FeedbackRequest(text="in French"), it.clock.now(), ANYBODY)
        await settle()
        assert len(it.upstream.calls) == 2
        assert it.upstream.last.call.messages[-1].content == "in French"


async def test_a_failure_that_comes_with_a_revise_belongs_to_what_was_revised() -> None:
    async with bench(attempts=4) as it:
        generation = await it.streaming()
        it.upstream.last.fail(refusal(Code.TRUNCATED))
        it.hub.feedback(generation.id, FeedbackRequest(text="in French"), it.clock.now(), ANYBODY)
        await settle()
        assert len(it.upstream.calls) == 2
        assert not generation.log.ended


async def test_a_provider_that_keeps_failing_is_left_alone_then_probed_once() -> None:
    async with bench(prompt=False, breaker=3) as it:
        for _ in range(3):
            it.start()
            await settle()
            it.upstream.last.refuse(refusal(Code.NETWORK_ERROR))
            await settle()
        spared = it.start()
        await settle()
        assert len(it.upstream.calls) == 3
        failed = end(spared)
        assert isinstance(failed, Error)
        assert (failed.code, failed.retry_after_ms) == ("server_error", 10_000)
        it.clock.advance(10)
        probe, second = it.start(), it.start()
        await settle()
        assert len(it.upstream.calls) == 4
        assert end(second).type == "error"
        it.hub.interrupt(probe.id, InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()
        it.start()
        await settle()
        it.upstream.last.accept()
        it.upstream.last.send("back")
        await settle()
        it.start()
        await settle()
        assert len(it.upstream.calls) == 6


async def test_the_whole_may_not_take_longer_than_its_limit() -> None:
    async with bench(limits=Limits(total_timeout=100, stall_timeout=0, first_token_timeout=0), attempts=9) as it:
        generation = await it.streaming()
        for _ in range(9):
            it.clock.advance(11)
            it.upstream.last.send("more ")
            await settle()
        it.clock.advance(1)
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("timeout", True)


async def test_an_answer_that_crawls_is_too_slow() -> None:
    async with bench(limits=Limits(stall_timeout=0, min_chars_per_second=2, rate_window=10)) as it:
        generation = await it.streaming()
        for _ in range(3):
            it.upstream.last.send("x" * 20)
            await settle()
            it.clock.advance(10)
            await settle()
            assert not generation.log.ended
        it.upstream.last.send("x" * 19)
        await settle()
        it.clock.advance(10)
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.code == "too_slow"


async def test_a_limit_on_starts_says_exactly_when_to_come_back() -> None:
    async with bench(rates=RateLimits(60, 2)) as it:
        for _ in range(2):
            it.start()
        with pytest.raises(Refused) as refused:
            it.start()
        assert (refused.value.code, refused.value.retry_after_ms) == (Code.RATE_LIMIT, 1000)
        it.start(principal="somebody else")
        it.clock.advance(1)
        it.start()
        with pytest.raises(Refused):
            it.start()


async def test_output_is_counted_however_a_generation_ends() -> None:
    async with bench(rates=RateLimits(0, 1, output_tokens_per_minute=60)) as it:
        generation = await it.streaming()
        it.upstream.last.send("x" * 4000)
        await settle()
        interrupt(it, generation)
        await settle()
        used = generation.usage().output_tokens
        assert used is not None
        with pytest.raises(Refused) as refused:
            it.start()
        assert refused.value.retry_after_ms == (used - 60 + 1) * 1000


async def test_a_slot_and_an_interrupt_in_the_same_turn() -> None:
    async with bench(slots=1, queue=5) as it:
        running = await it.streaming()
        waiting = it.start()
        await settle()
        it.hub.slots.release(it.hub._records._by_id[running.id].pipeline._slot_request, it.clock.now())
        interrupt(it, waiting)
        await settle()
        stopped = end(waiting)
        assert isinstance(stopped, Interrupted)
        assert stopped.by == "client"
        assert len(it.upstream.calls) == 1


async def test_a_queue_timeout_and_a_move_in_the_same_turn(caplog: pytest.LogCaptureFixture) -> None:
    async with bench(slots=1, queue=5, limits=Limits(queue_timeout=30, stall_timeout=0, first_token_timeout=0)) as it:
        running = await it.streaming()
        first, second = it.start(), it.start()
        await settle()
        interrupt(it, first)
        it.clock.advance(30)
        await settle()
        assert end(second).type == "error"
        interrupt(it, running)
        await settle()
        assert "Traceback" not in caplog.text


async def test_the_conversation_is_not_kept_once_the_answer_is_over() -> None:
    async with bench() as it:
        generation = await it.streaming(ask("a long prompt"))
        it.upstream.last.finish()
        await settle()
        usage = generation.usage()
        assert usage.input_tokens
        assert "a long prompt" not in repr(generation)
        assert generation.log.text() == "Once upon "


async def test_what_finished_is_held_up_to_a_size_with_its_notes_and_metadata() -> None:
    async with bench(keeping=RetentionPolicy(max_retained_bytes=1000)) as it:
        held = []
        for name in ("a" * 200, "b" * 200):
            request = StartRequest(messages=ask().messages, metadata={"k": name})
            held.append(it.hub.start(request, request_id="r", principal=ANYBODY))
            await settle()
            it.upstream.last.finish()
            await settle()
        first, second = held
        assert it.hub._records.retained_bytes == first.size + second.size == 402
        note = FeedbackRequest(text="n" * 300, mode="note")
        it.hub.feedback(second.id, note, it.clock.now(), ANYBODY)
        assert it.hub._records.retained_bytes == first.size + second.size == 402 + 300 + FRAME_BYTES
        # The note makes it too much: what is oldest goes.
        it.hub.feedback(second.id, note, it.clock.now(), ANYBODY)
        with pytest.raises(Refused):
            it.hub.find(first.id, ANYBODY)
        assert it.hub._records.retained_bytes == second.size == 201 + 2 * (300 + FRAME_BYTES)
        it.hub.feedback(second.id, note, it.clock.now(), ANYBODY)
        assert (it.hub._records.retained_bytes, it.hub._records._retained) == (0, {})


async def test_the_texts_of_feedback_are_bounded_together() -> None:
    async with bench() as it:
        generation = it.hub.start(ask(), request_id="r", principal=ANYBODY)
        await settle()
        note = FeedbackRequest(text="ộ" * 5000, mode="note")
        for _ in range(FEEDBACK_BYTES // 15_000):
            it.hub.feedback(generation.id, note, it.clock.now(), ANYBODY)
        with pytest.raises(Refused) as refused:
            it.hub.feedback(generation.id, note, it.clock.now(), ANYBODY)
        assert (refused.value.status, refused.value.param) == (429, "text")
        assert "shorten it" in refused.value.message
        it.hub.feedback(generation.id, FeedbackRequest(text="fine", mode="note"), it.clock.now(), ANYBODY)
        it.hub.feedback(generation.id, FeedbackRequest(rating=1, mode="note"), it.clock.now(), ANYBODY)
        with pytest.raises(Refused):
            it.hub.feedback(generation.id, FeedbackRequest(text="ộ" * 5000), it.clock.now(), ANYBODY)
        assert len(it.upstream.calls) == 1
        it.hub.interrupt(generation.id, InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()


async def test_an_interrupt_says_whether_it_stopped_something() -> None:
    async with bench() as it:
        alice, bob = Principal("alice", "key"), Principal("bob", "key")
        generation = it.hub.start(ask(), request_id="r", principal=alice)
        other = it.hub.start(ask(), request_id="r", principal=alice)
        await settle()

        def state() -> State:
            return generation.state

        def interrupt(generation_id: str, principal: Principal) -> bool:
            return it.hub.interrupt(generation_id, InterruptRequest(), it.clock.now(), principal).stopped

        for generation_id, principal in (
            (generation.id, bob),
            ("g_x", alice),
            (generation.id, alice.restricted_to(GenerationScope(generation.id))),
        ):
            with pytest.raises(Refused):
                interrupt(generation_id, principal)
        assert state() is State.WAITING
        assert interrupt(other.id, ANYBODY)
        assert interrupt(generation.id, alice)
        assert state() is State.STOPPING
        assert not interrupt(generation.id, alice)
        await settle()
        assert state() is State.INTERRUPTED
        assert not interrupt(generation.id, alice)


async def test_what_finished_is_held_up_to_a_size() -> None:
    async with bench(keeping=RetentionPolicy(max_retained_bytes=25)) as it:
        finished = []
        for _ in range(3):
            generation = await it.streaming()
            it.upstream.last.finish()
            await settle()
            finished.append(generation.id)
        with pytest.raises(Refused):
            it.hub.find(finished[0], ANYBODY)
        assert it.hub.find(finished[2], ANYBODY).log.ended


async def test_the_figures_are_json_also_after_refusals() -> None:
    async with bench(slots=1, queue=1) as it:
        it.start()
        it.start()
        with pytest.raises(Refused):
            it.start()
        assert orjson.loads(orjson.dumps(it.hub.stats()))["refused"] == {"queue_full": 1}


async def test_the_last_read_and_the_end_of_the_wait_for_it_in_the_same_turn(caplog: pytest.LogCaptureFixture) -> None:
    async with bench() as it:
        generation = await it.streaming()
        it.upstream.last.send(Finished("stop"))
        await settle()
        it.upstream.last.send(Usage(1, 1, "exact"))
        it.upstream.last._parts.put_nowait(None)
        it.clock.advance(5)
        await settle()
        assert end(generation).type == "complete"
        assert "Traceback" not in caplog.text


async def test_the_total_limit_is_final_also_before_the_first_content() -> None:
    async with bench(limits=Limits(total_timeout=2, first_token_timeout=0, stall_timeout=0), attempts=4) as it:
        generation = it.start()
        await settle()
        it.clock.advance(2)
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.code == "timeout"
        assert len(it.upstream.calls) == 1


async def test_no_wait_that_would_outlast_the_total_limit_is_begun() -> None:
    async with bench(prompt=False, limits=Limits(total_timeout=5), attempts=4) as it:
        generation = it.start()
        await settle()
        it.upstream.last.refuse(refusal(Code.RATE_LIMIT, 8000))
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.retry_after_ms) == ("rate_limit", 8000)


async def test_a_tool_call_without_text_is_content_too() -> None:
    async with bench(attempts=4) as it:
        generation = it.start()
        await settle()
        it.upstream.last.send(ToolCall(0, None, None, ""))
        it.upstream.last.fail(refusal(Code.TRUNCATED))
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, failed.retryable) == ("truncated", True, True)


async def test_what_the_breaker_refuses_is_no_attempt_and_costs_no_retry() -> None:
    async with bench(prompt=False, breaker=2, attempts=2) as it:
        generation = it.start()
        await settle()
        it.upstream.last.refuse(refusal())
        await settle()
        other = it.start()
        await settle()
        it.upstream.last.refuse(refusal())
        await settle()
        interrupt(it, other)
        await settle()
        budget = it.hub.models.resolve("m").targets[0].retry_budget
        assert budget.withdraw()
        left = budget.balance
        it.clock.advance(1)
        await settle()
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.metrics is not None
        assert (failed.metrics.attempts, len(it.upstream.calls)) == (1, 2)
        assert budget.balance == left + 1


async def test_a_call_that_was_given_up_before_its_headers_is_not_free() -> None:
    async with bench(prompt=False) as it:
        generation = await to_connecting(it)
        it.clock.advance(60)
        await settle()
        assert end(generation).type == "error"
        usage = generation.usage()
        assert usage.input_tokens
        assert usage.source == "estimated"


async def test_a_full_queue_makes_room_for_who_has_less_in_it() -> None:
    async with bench(slots=1, queue=4, rates=RateLimits(60, 9)) as it:
        busy = [it.start(principal="busy") for _ in range(5)]
        await settle()
        quiet = it.start(principal="quiet")
        await settle()
        evicted = end(busy[-1])
        assert isinstance(evicted, Error)
        assert (evicted.code, evicted.retryable) == ("queue_full", True)
        assert quiet.state is State.QUEUED
        with pytest.raises(Refused):
            it.start(principal="busy")
        allowance = it.hub.allowance(anonymous("busy"))
        assert allowance is not None
        assert allowance.remaining == 4
        interrupt(it, busy[0])
        await settle()
        interrupt(it, busy[1])
        await settle()
        assert quiet.attempts[-1].messages is it.upstream.last.call.messages


@pytest.mark.parametrize("what", ["interrupt", "revise", "timeout"])
async def test_what_comes_in_the_turn_of_the_headers_is_not_lost(what: str) -> None:
    async with bench(prompt=False, limits=Limits(first_token_timeout=300)) as it:
        generation = it.start()
        await settle()
        it.upstream.last.accept()
        if what == "interrupt":
            interrupt(it, generation)
        elif what == "revise":
            it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
        else:
            it.clock.advance(301)
        await settle()
        assert it.upstream.calls[0].closed
        expected = {"interrupt": State.INTERRUPTED, "revise": State.CONNECTING, "timeout": State.ERROR}
        assert generation.state is expected[what]


@pytest.mark.parametrize("ending", ["complete", "interrupted", "broken off", "refused", "deserted", "revised"])
async def test_what_is_forgotten_is_freed_without_the_garbage_collector(ending: str) -> None:
    gc.collect()
    gc.disable()
    try:
        async with bench(slots=1, prompt=False, keeping=RetentionPolicy(on_disconnect="cancel", retention=10)) as it:
            generation = it.start()
            kept = weakref.ref(generation.log)
            await settle()
            call = it.upstream.last
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
                interrupt(it, generation)
            elif ending == "broken off":
                call.fail(Failed(Code.TRUNCATED, "broke off"))
            elif ending == "deserted":
                it.hub.add_viewer(generation.id)
                it.hub.remove_viewer(generation.id)
            elif ending == "revised":
                it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
                await settle()
                interrupt(it, generation)
            await settle()
            assert generation.state.is_terminal
            it.clock.advance(11)
            await settle()
            it.upstream.calls.clear()
            del generation, call
            await settle()
            assert kept() is None
    finally:
        gc.enable()
