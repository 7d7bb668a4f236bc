"""Two calls that race, and the options of each call."""

import asyncio
from collections.abc import Callable
from itertools import product

import pytest

from gateway.billing.prices import Price
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.events import Complete, Error, Usage
from gateway.routing.model import Policy
from gateway.upstreams.base import Finished
from tests.event_loop import settle
from tests.event_types import event_types
from tests.gateway.pipeline.log_events import events, outcomes, retries, starts, terminal_event
from tests.gateway.pipeline.two_targets import (
    FAILOVER,
    RACE,
    SERVER_ERROR,
    TRUNCATED,
    TwoTargets,
    interrupt,
    start_and_break_off,
    start_race,
    two_targets,
)
from tests.start_requests import ANONYMOUS, start_request


async def test_the_second_wins_and_the_first_is_closed_and_charged() -> None:
    async with two_targets(RACE, price=Price(1e6, 1e6, 1e6)) as harness:
        generation = await start_race(harness)
        assert (harness.a.open_calls, harness.b.open_calls) == (1, 1)
        await harness.accept(harness.b)
        assert starts(generation) == [("a", 1, 1)]
        await harness.send(harness.b, "Hello")
        assert harness.a.last.closed
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]
        await harness.send(harness.a, "late")
        await harness.finish(harness.b, Usage(3, 4, "exact"))
        assert event_types(generation.log) == ["accepted", "start", "start", "chunk", "complete"]
        assert generation.log.text() == "Hello"
        assert outcomes(generation) == ["lost", "answered"]
        complete = terminal_event(generation)
        assert isinstance(complete, Complete)
        lost = generation.attempts[0].used()
        assert lost is not None
        assert complete.cost_usd == (lost.input_tokens or 0) + 7
        assert complete.usage.source == "estimated"


async def test_the_first_wins_after_all() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        await harness.send(harness.a, "Hello")
        assert harness.b.last.closed
        await harness.finish(harness.a)
        assert starts(generation) == [("a", 1, 1)]
        assert outcomes(generation) == ["answered", "lost"]
        assert terminal_event(generation).type == "complete"


async def test_content_in_time_needs_no_race() -> None:
    async with two_targets(RACE) as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.advance(0.4)
        await harness.send(harness.a, "Hello")
        await harness.advance(10)
        assert not harness.b.calls
        await harness.finish(harness.a)
        assert terminal_event(generation).type == "complete"


async def test_an_empty_delta_and_a_usage_frame_do_not_win() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        harness.b.last.send()
        harness.b.last.send(Usage(5, 0, "exact"))
        await settle()
        assert not harness.a.last.closed
        await harness.send(harness.a, "Hello")
        await harness.finish(harness.a)
        assert generation.log.text() == "Hello"


async def test_an_answer_without_content_does_not_win_while_the_other_runs() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        await harness.finish(harness.b)
        assert not generation.log.ended
        await harness.send(harness.a, "Hello")
        await harness.finish(harness.a)
        assert generation.log.text() == "Hello"
        assert terminal_event(generation).type == "complete"


@pytest.mark.parametrize("silent_first", [False, True])
async def test_an_answer_without_content_wins_if_the_other_fails(*, silent_first: bool) -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        silent, failing = (harness.a, harness.b) if silent_first else (harness.b, harness.a)
        await harness.finish(silent)
        assert not generation.log.ended
        await harness.fail(failing, SERVER_ERROR)
        assert terminal_event(generation).type == "complete"
        assert starts(generation)[-1][0] == silent.name


async def test_the_first_fails_and_the_second_continues_alone() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        await harness.fail(harness.a, SERVER_ERROR)
        assert retries(generation) == [(1, "a", "server_error", 0)]
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]
        await harness.send(harness.b, "Hello")
        await harness.finish(harness.b)
        assert event_types(generation.log) == ["accepted", "start", "retry", "start", "chunk", "complete"]


async def test_the_first_fails_before_the_second_was_accepted() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.fail(harness.a, SERVER_ERROR)
        assert generation.state is State.CONNECTING
        await harness.accept(harness.b)
        await harness.send(harness.b, "Hello")
        await harness.finish(harness.b)
        assert event_types(generation.log) == ["accepted", "start", "retry", "start", "chunk", "complete"]


async def test_the_second_is_accepted_before_the_first() -> None:
    async with two_targets(RACE) as harness:
        generation = await harness.start()
        await harness.advance(0.5)
        await harness.accept(harness.b)
        assert starts(generation) == [("b", 2, 1)]
        await harness.refuse(harness.a)
        assert retries(generation) == [(1, "a", "server_error", 0)]
        assert generation.state is State.WAITING
        await harness.send(harness.b, "Hello")
        await harness.finish(harness.b)
        assert starts(generation) == [("b", 2, 1)]


async def test_a_failure_of_the_second_is_not_reported_while_the_first_runs() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.refuse(harness.b)
        assert not retries(generation)
        await harness.send(harness.a, "Hello")
        await harness.finish(harness.a)
        assert outcomes(generation) == ["answered", "server_error"]


@pytest.mark.parametrize("first_last", [False, True])
async def test_both_fail_and_the_next_target_is_called(*, first_last: bool) -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        for upstream in (harness.b, harness.a) if first_last else (harness.a, harness.b):
            await harness.fail(upstream, SERVER_ERROR)
        expected = [(1, "a", "server_error", 1000)] if first_last else [(1, "a", "server_error", 0)]
        expected += [] if first_last else [(2, "b", "server_error", 1000)]
        assert retries(generation) == expected
        await harness.advance(1)
        assert (len(harness.a.calls), len(harness.b.calls)) == (2, 1)
        await harness.accept(harness.a)
        assert starts(generation)[-1] == ("a", 3, 1)
        await harness.send(harness.a, "Hello")
        await harness.finish(harness.a)
        assert terminal_event(generation).type == "complete"


async def test_the_race_begins_at_the_observed_percentile() -> None:
    async with two_targets(Policy(hedge="p95")) as harness:
        for _ in range(20):
            generation = await harness.start()
            await harness.accept(harness.a)
            await harness.advance(0.3)
            await harness.send(harness.a, "x")
            await harness.finish(harness.a)
            assert terminal_event(generation).type == "complete"
        assert not harness.b.calls
        await harness.start()
        await harness.accept(harness.a)
        await harness.advance(0.29)
        assert not harness.b.calls
        await harness.advance(0.02)
        assert len(harness.b.calls) == 1


async def test_the_wait_for_the_loser_enters_its_latency() -> None:
    async with two_targets(RACE) as harness:
        await start_race(harness)
        await harness.accept(harness.b)
        await harness.advance(0.25)
        await harness.send(harness.b, "x")
        assert (harness.targets[0].latency.mean, harness.targets[1].latency.mean) == (0.75, 0.25)


async def test_an_answer_without_content_does_not_complete_a_text_that_broke_off() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        await harness.finish(harness.a)
        await harness.send(harness.b, "Once upon")
        await harness.fail(harness.b)
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("truncated", True)
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]


async def test_the_text_of_the_other_that_waits_when_the_first_times_out_wins() -> None:
    async with two_targets(RACE) as harness:
        generation = await start_race(harness)
        await harness.accept(harness.b)
        # In one turn of the event loop, the first call times out and the text of the second arrives: it is read first.
        harness.b.last.send("Hello")
        harness.clock.advance(59.5)
        await settle()
        await harness.finish(harness.b)
        assert event_types(generation.log) == ["accepted", "start", "start", "chunk", "complete"]
        assert outcomes(generation) == ["lost", "answered"]


async def test_a_target_in_cooldown_does_not_race() -> None:
    async with two_targets(RACE) as harness:
        harness.targets[1].cooldown_until = harness.clock.now() + 7
        await start_race(harness)
        assert not harness.b.calls


async def test_a_race_with_a_target_that_failed_before_costs_a_retry() -> None:
    async with two_targets(Policy(hedge=2)) as harness:
        budget = harness.targets[0].retry_budget
        await harness.start()
        await harness.refuse(harness.a)
        await harness.accept(harness.b)
        while budget.withdraw():
            pass
        await harness.advance(8)
        assert len(harness.a.calls) == 1


async def test_a_short_race_does_not_change_the_latency_of_the_loser() -> None:
    async with two_targets(RACE) as harness:
        harness.targets[1].latency.add(2.0)
        await start_race(harness)
        await harness.accept(harness.b)
        await harness.advance(0.01)
        await harness.send(harness.a, "x")
        assert outcomes(await harness.start())[:1] == [None]
        assert harness.targets[1].latency.mean == 2.0


async def test_the_end_mark_of_the_loser_in_the_turn_of_the_winners_content_changes_nothing() -> None:
    async with two_targets(RACE) as harness:
        generation = await to_racing_opened(harness)
        harness.b.last.send("Hello")
        harness.a.last.send(Finished("stop"))
        await settle()
        await harness.finish(harness.b)
        assert generation.log.text() == "Hello"
        assert starts(generation)[-1][0] == "b"


async def test_the_lower_of_two_limits_of_output_tokens_applies() -> None:
    async with two_targets(Policy(max_output_tokens=50)) as harness:
        for requested, expected in ((None, 50), (20, 20), (80, 50)):
            await harness.start(start_request(max_tokens=requested))
            assert harness.a.last.request.options["max_tokens"] == expected


async def test_a_continuation_may_use_what_is_left_of_max_tokens() -> None:
    async with two_targets(FAILOVER) as harness:
        await start_and_break_off(harness, native=True, text="x" * 40, request=start_request(max_tokens=100))
        assert harness.a.last.request.options["max_tokens"] == 100
        assert harness.b.last.request.options["max_tokens"] == 90


async def test_a_new_text_may_use_all_of_max_tokens() -> None:
    async with two_targets(FAILOVER) as harness:
        await start_and_break_off(harness, native=False, text="x" * 40, request=start_request(max_tokens=100))
        assert harness.b.last.request.options["max_tokens"] == 100


async def to_racing(harness: TwoTargets) -> Generation:
    return await start_race(harness)


async def to_racing_opened(harness: TwoTargets) -> Generation:
    generation = await start_race(harness)
    await harness.accept(harness.b)
    return generation


async def to_hedge_not_started(harness: TwoTargets) -> Generation:
    generation = await harness.start()
    await harness.accept(harness.a)
    harness.clock.advance(0.5)
    return generation


async def to_won(harness: TwoTargets) -> Generation:
    generation = await to_racing_opened(harness)
    harness.b.last.send("Hello")
    await asyncio.sleep(0)
    return generation


async def to_one_left(harness: TwoTargets) -> Generation:
    generation = await start_race(harness)
    await harness.fail(harness.a, SERVER_ERROR)
    return generation


async def to_continued(harness: TwoTargets) -> Generation:
    return await start_and_break_off(harness, native=True)


async def to_new_text(harness: TwoTargets) -> Generation:
    generation = await start_and_break_off(harness, native=False)
    await harness.accept(harness.b)
    return generation


def revise(harness: TwoTargets, generation: Generation) -> None:
    harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)


def shut_down(harness: TwoTargets, _generation: Generation) -> None:
    harness.hub.draining = True
    for record in harness.hub._records._by_id.values():
        assert record.task is not None
        record.task.cancel()


def let_time_pass(harness: TwoTargets, _generation: Generation) -> None:
    harness.clock.advance(60)


def fail_all(harness: TwoTargets, _generation: Generation) -> None:
    for call in (*harness.a.calls, *harness.b.calls):
        if not call._opening.done():
            call.refuse(SERVER_ERROR)
        call.fail(TRUNCATED)


STATES = [to_hedge_not_started, to_racing, to_racing_opened, to_won, to_one_left, to_continued, to_new_text]
CAUSES = [interrupt, revise, shut_down, let_time_pass, fail_all]


@pytest.mark.parametrize(("reach", "cause"), list(product(STATES, CAUSES)))
async def test_every_cause_in_every_state_ends_once_and_releases_everything(
    reach: Callable[[TwoTargets], object], cause: Callable[[TwoTargets, Generation], None]
) -> None:
    async with two_targets(Policy(hedge=0.5, failover=True)) as harness:
        generation: Generation = await reach(harness)  # type: ignore[misc]
        cause(harness, generation)
        await settle()
        if not generation.log.ended:
            interrupt(harness, generation)
            await settle()
        terminal = [e for e in events(generation) if e.type in {"complete", "interrupted", "error"}]
        assert terminal == [terminal_event(generation)]
