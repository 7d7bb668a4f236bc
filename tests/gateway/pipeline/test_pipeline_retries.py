"""What the pipeline does after a failed call before the first content: a retry, another target, or the end."""

import pytest

from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Code, UnsupportedOption
from gateway.protocol.events import Complete, Error, Usage
from gateway.routing.watchdog import Limits
from tests.event_loop import settle
from tests.event_types import event_types
from tests.gateway.pipeline.log_events import outcomes, retries, starts, terminal_event
from tests.gateway.pipeline.one_target import failure, interrupt, one_target, retry_delays, to_retrying
from tests.gateway.pipeline.two_targets import DOLLAR_PER_TOKEN, SERVER_ERROR, two_targets
from tests.start_requests import ANONYMOUS


async def test_before_the_first_content_it_retries_with_growing_delays() -> None:
    async with one_target(auto_accept=False, attempts=4) as harness:
        generation = harness.start()
        for number, wait in enumerate((1, 2, 4), start=1):
            await settle()
            assert len(harness.upstream.calls) == number
            harness.upstream.last.refuse(failure())
            await settle()
            harness.clock.advance(wait - 0.1)
            await settle()
            assert len(harness.upstream.calls) == number
            harness.clock.advance(0.1)
        await settle()
        harness.upstream.last.accept()
        harness.upstream.last.send("at last")
        harness.upstream.last.finish()
        await settle()
        assert event_types(generation.log) == ["accepted", "retry", "retry", "retry", "start", "chunk", "complete"]
        assert retry_delays(generation) == [("server_error", 1000), ("server_error", 2000), ("server_error", 4000)]
        assert generation.usage().input_tokens == generation.attempts[-1].used().input_tokens  # type: ignore[union-attr]


async def test_a_silent_first_attempt_is_closed_and_retried() -> None:
    async with one_target(attempts=2, limits=Limits(first_token_timeout=30)) as harness:
        generation = harness.start()
        await settle()
        harness.clock.advance(30)
        await settle()
        assert harness.upstream.calls[0].closed
        assert retry_delays(generation) == [("first_token_timeout", 1000)]
        harness.clock.advance(1)
        await settle()
        assert len(harness.upstream.calls) == 2


async def test_after_the_first_content_it_does_not_retry() -> None:
    async with one_target(attempts=4) as harness:
        generation = await harness.streaming()
        harness.upstream.last.fail(failure(Code.TRUNCATED))
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, failed.retryable) == ("truncated", True, True)
        assert len(harness.upstream.calls) == 1


@pytest.mark.parametrize(
    "code",
    [
        *(Code.AUTH_ERROR, Code.INVALID_REQUEST, Code.MODEL_NOT_FOUND, Code.CONTENT_FILTER),
        *(Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA, Code.UNSUPPORTED_CONTENT),
    ],
)
async def test_a_final_failure_is_not_retried(code: Code) -> None:
    async with one_target(auto_accept=False, attempts=4) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.refuse(failure(code))
        await settle()
        assert terminal_event(generation).type == "error"
        assert len(harness.upstream.calls) == 1


async def test_retry_after_is_respected() -> None:
    async with one_target(auto_accept=False, attempts=4) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.refuse(failure(Code.RATE_LIMIT, 7000))
        await settle()
        assert retry_delays(generation) == [("rate_limit", 8000)]
        harness.clock.advance(7.9)
        await settle()
        assert len(harness.upstream.calls) == 1
        harness.clock.advance(0.1)
        await settle()
        harness.upstream.last.refuse(failure(Code.RATE_LIMIT, 600_000))
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.retry_after_ms == 600_000


async def test_feedback_while_waiting_for_a_retry_starts_at_once() -> None:
    async with one_target(auto_accept=False, attempts=4) as harness:
        generation = await to_retrying(harness)
        harness.hub.feedback(generation.id, FeedbackRequest(text="in French"), harness.clock.now(), ANONYMOUS)
        await settle()
        assert len(harness.upstream.calls) == 2
        assert harness.upstream.last.request.messages[-1].content == "in French"


async def test_a_failure_in_the_same_turn_as_a_revise_belongs_to_the_revised_answer() -> None:
    async with one_target(attempts=4) as harness:
        generation = await harness.streaming()
        harness.upstream.last.fail(failure(Code.TRUNCATED))
        harness.hub.feedback(generation.id, FeedbackRequest(text="in French"), harness.clock.now(), ANONYMOUS)
        await settle()
        assert len(harness.upstream.calls) == 2
        assert not generation.log.ended


async def test_a_provider_that_keeps_failing_is_not_called_then_probed_once() -> None:
    async with one_target(auto_accept=False, breaker=3) as harness:
        for _ in range(3):
            harness.start()
            await settle()
            harness.upstream.last.refuse(failure(Code.NETWORK_ERROR))
            await settle()
        spared = harness.start()
        await settle()
        assert len(harness.upstream.calls) == 3
        failed = terminal_event(spared)
        assert isinstance(failed, Error)
        assert (failed.code, failed.retry_after_ms) == ("server_error", 10_000)
        harness.clock.advance(10)
        probe, second = harness.start(), harness.start()
        await settle()
        assert len(harness.upstream.calls) == 4
        assert terminal_event(second).type == "error"
        harness.hub.interrupt(probe.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        await settle()
        harness.start()
        await settle()
        harness.upstream.last.accept()
        harness.upstream.last.send("back")
        await settle()
        harness.start()
        await settle()
        assert len(harness.upstream.calls) == 6


async def test_the_total_timeout_is_final_before_the_first_content_too() -> None:
    async with one_target(
        limits=Limits(total_timeout=2, first_token_timeout=0, stall_timeout=0), attempts=4
    ) as harness:
        generation = harness.start()
        await settle()
        harness.clock.advance(2)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.code == "timeout"
        assert len(harness.upstream.calls) == 1


async def test_no_retry_delay_exceeds_the_total_timeout() -> None:
    async with one_target(auto_accept=False, limits=Limits(total_timeout=5), attempts=4) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.refuse(failure(Code.RATE_LIMIT, 8000))
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.retry_after_ms) == ("rate_limit", 8000)


async def test_a_call_that_the_breaker_refuses_is_not_an_attempt_and_costs_no_retry() -> None:
    async with one_target(auto_accept=False, breaker=2, attempts=2) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.refuse(failure())
        await settle()
        other = harness.start()
        await settle()
        harness.upstream.last.refuse(failure())
        await settle()
        interrupt(harness, other)
        await settle()
        budget = harness.hub.models.resolve("m").targets[0].retry_budget
        assert budget.withdraw()
        left = budget.balance
        harness.clock.advance(1)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.metrics is not None
        assert (failed.metrics.attempts, len(harness.upstream.calls)) == (1, 2)
        assert budget.balance == left + 1


async def test_a_failure_before_content_falls_back_to_the_next_target_at_once() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.refuse(harness.a)
        await harness.accept(harness.b)
        await harness.send(harness.b, "Hello")
        await harness.finish(harness.b, Usage(1, 1, "exact"))
        assert event_types(generation.log) == ["accepted", "retry", "start", "chunk", "complete"]
        assert retries(generation) == [(1, "a", "server_error", 0)]
        assert starts(generation) == [("b", 2, 1)]
        assert harness.b.last.request.model == "b-model"
        assert outcomes(generation) == ["server_error", "answered"]


async def test_an_error_in_the_stream_before_content_falls_back_too() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a)
        await harness.fail(harness.a, SERVER_ERROR)
        await harness.accept(harness.b)
        await harness.send(harness.b, "Hello")
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]
        assert generation.provider == "b"
        await harness.finish(harness.b)


async def test_a_target_that_is_too_slow_to_start_is_cancelled_for_the_next() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.advance(60)
        assert harness.a.last.closed
        assert retries(generation) == [(1, "a", "first_token_timeout", 0)]
        await harness.accept(harness.b)
        await harness.send(harness.b, "x")
        await harness.finish(harness.b)
        # It may have processed the prompt, so it is charged.
        given_up, answered = (attempt.used() for attempt in generation.attempts)
        assert given_up is not None
        assert answered is not None
        assert given_up.input_tokens == answered.input_tokens != 0


async def test_after_content_no_other_target_is_called_without_failover() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "Once ")
        await harness.fail(harness.a)
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("truncated", True)
        assert not harness.b.calls


async def test_an_unsupported_option_falls_back_to_the_next_target_and_costs_nothing() -> None:
    async with two_targets(price=DOLLAR_PER_TOKEN) as harness:
        generation = await harness.start()
        await harness.refuse(harness.a, UnsupportedOption("The provider has no word for seed: leave it out."))
        await harness.accept(harness.b)
        await harness.send(harness.b, "x")
        await harness.finish(harness.b, Usage(0, 1, "exact"))
        complete = terminal_event(generation)
        assert isinstance(complete, Complete)
        assert (complete.cost_usd, complete.usage) == (1.0, Usage(0, 1, "exact"))


async def test_when_all_targets_have_failed_the_first_is_retried_after_its_delay() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.refuse(harness.a)
        await harness.refuse(harness.b)
        assert retries(generation) == [(1, "a", "server_error", 0), (2, "b", "server_error", 1000)]
        await harness.advance(1)
        assert len(harness.a.calls) == 2
        await harness.refuse(harness.a)
        await harness.advance(1)
        await harness.refuse(harness.b)
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, len(generation.attempts)) == ("server_error", 4)


async def test_a_retry_that_is_not_made_is_refunded_to_the_retry_budget() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.refuse(harness.a)
        await harness.refuse(harness.b)
        assert harness.targets[0].retry_budget.balance == 9
        harness.hub.interrupt(generation.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        await settle()
        assert harness.targets[0].retry_budget.balance == 10


async def test_a_revise_long_after_the_first_call_may_wait_for_a_retry() -> None:
    async with two_targets() as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        for _ in range(10):
            await harness.send(harness.a, "x")
            await harness.advance(10)
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        await harness.refuse(harness.a)
        await harness.refuse(harness.b)
        assert retries(generation)[-1] == (3, "b", "server_error", 1000)
