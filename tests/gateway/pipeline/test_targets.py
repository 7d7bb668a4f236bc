"""One answer and several upstreams: fallback, races, failover and budgets, event by event."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import product

import pytest

from gateway.admission.slots import Slots
from gateway.billing.budgets import Budgets
from gateway.billing.prices import Price
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub import Hub
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest
from gateway.protocol.errors import Code, Failed, Refused, UnsupportedOption
from gateway.protocol.events import (
    Complete,
    Error,
    Event,
    Interrupted,
    Reasoning,
    Retry,
    Revision,
    Start,
    ToolCall,
    Usage,
)
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.security.principals import anonymous
from gateway.upstreams.base import Finished
from tests.support import ANYBODY, ManualClock, ScriptedCall, ScriptedUpstream, ask, settle, types

LIMITS = Limits(queue_timeout=30, first_token_timeout=60, stall_timeout=20, usage_timeout=5)
NO = Failed(Code.SERVER_ERROR, "no")
CUT = Failed(Code.TRUNCATED, "cut")
DOLLAR = Price(input=0, cached=0, output=1_000_000)
"""A dollar for each token."""


class Named(ScriptedUpstream):
    def __init__(self, name: str) -> None:
        super().__init__(prompt=False)
        self.name = name


@dataclass
class Stage:
    hub: Hub
    clock: ManualClock
    a: Named
    b: Named
    targets: list[Target]

    async def start(self, request: StartRequest | None = None, principal: str = "") -> Generation:
        generation = self.hub.start(request or ask(), request_id="r", principal=anonymous(principal))
        await settle()
        return generation

    async def opened(self, *upstreams: Named) -> None:
        for upstream in upstreams:
            upstream.last.accept()
        await settle()

    async def say(self, upstream: Named, *words: str) -> None:
        upstream.last.send(*words)
        await settle()

    async def refuse(self, upstream: Named, failure: Failed = NO) -> None:
        upstream.last.refuse(failure)
        await settle()

    async def die(self, upstream: Named, failure: Failed = CUT) -> None:
        upstream.last.fail(failure)
        await settle()

    async def finish(self, upstream: Named, usage: Usage | None = None) -> None:
        upstream.last.finish(usage=usage)
        await settle()

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await settle()


@asynccontextmanager
async def stage(policy: Policy | None = None, *, price: Price | None = None, budget: float = 0) -> AsyncIterator[Stage]:
    clock, upstreams = ManualClock(), [Named("a"), Named("b")]
    policy = replace(
        policy or Policy(),
        limits=LIMITS,
        backoff=Backoff(4, retry_base=1, retry_longest=8, retry_within=60),
        random=lambda: 1.0,
    )
    targets = [
        Target(upstream, f"{upstream.name}-model", price=price, limits=LIMITS, breaker=Breaker(0))
        for upstream in upstreams
    ]
    hub = Hub(ModelRegistry([Model("m", targets, policy)]), Slots(0, 0), clock, budgets=Budgets(budget))
    others = asyncio.all_tasks()
    yield Stage(hub, clock, upstreams[0], upstreams[1], targets)
    await hub.close()
    await settle()
    assert hub.slots.running == hub.running == 0
    assert [upstream.open_calls for upstream in upstreams] == [0, 0]
    assert [target.running for target in targets] == [0, 0]
    assert clock.pending == 0
    assert asyncio.all_tasks() == others


def events(generation: Generation) -> list[Event]:
    return [entry.event for entry in generation.log.since(0)]


def end(generation: Generation) -> Event:
    assert generation.log.ended
    return events(generation)[-1]


def starts(generation: Generation) -> list[tuple[str, int, int]]:
    return [(e.provider, e.attempt, e.revision) for e in events(generation) if isinstance(e, Start)]


def retries(generation: Generation) -> list[tuple[int, str, str, int]]:
    return [(e.attempt, e.provider, e.code, e.delay_ms) for e in events(generation) if isinstance(e, Retry)]


def ends(generation: Generation) -> list[str | None]:
    return [attempt.ended for attempt in generation.attempts]


# Fallback.


async def test_one_that_fails_before_content_hands_over_to_the_next_at_once() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.refuse(it.a)
        await it.opened(it.b)
        await it.say(it.b, "Hello")
        await it.finish(it.b, Usage(1, 1, "exact"))
        assert types(generation.log) == ["accepted", "retry", "start", "chunk", "complete"]
        assert retries(generation) == [(1, "a", "server_error", 0)]
        assert starts(generation) == [("b", 2, 1)]
        assert it.b.last.call.model == "b-model"
        assert ends(generation) == ["server_error", "answered"]


async def test_an_error_in_the_stream_before_any_content_hands_over_too() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.opened(it.a)
        await it.say(it.a)
        await it.die(it.a, NO)
        await it.opened(it.b)
        await it.say(it.b, "Hello")
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]
        assert generation.provider == "b"
        await it.finish(it.b)


async def test_who_is_too_slow_to_begin_is_given_up_for_the_next() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.opened(it.a)
        await it.later(60)
        assert it.a.last.closed
        assert retries(generation) == [(1, "a", "first_token_timeout", 0)]
        await it.opened(it.b)
        await it.say(it.b, "x")
        await it.finish(it.b)
        # It may have worked on the prompt: it is counted.
        given_up, answered = (attempt.used() for attempt in generation.attempts)
        assert given_up is not None
        assert answered is not None
        assert given_up.input_tokens == answered.input_tokens != 0


async def test_once_content_has_come_nobody_else_is_asked_without_failover() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.opened(it.a)
        await it.say(it.a, "Once ")
        await it.die(it.a)
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("truncated", True)
        assert not it.b.calls


async def test_what_one_has_no_word_for_is_asked_of_the_next_and_costs_nothing() -> None:
    async with stage(price=DOLLAR) as it:
        generation = await it.start()
        await it.refuse(it.a, UnsupportedOption("The provider has no word for seed: leave it out."))
        await it.opened(it.b)
        await it.say(it.b, "x")
        await it.finish(it.b, Usage(0, 1, "exact"))
        complete = end(generation)
        assert isinstance(complete, Complete)
        assert (complete.cost_usd, complete.usage) == (1.0, Usage(0, 1, "exact"))


async def test_when_all_have_failed_the_first_is_asked_again_after_its_wait() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.refuse(it.a)
        await it.refuse(it.b)
        assert retries(generation) == [(1, "a", "server_error", 0), (2, "b", "server_error", 1000)]
        await it.later(1)
        assert len(it.a.calls) == 2
        await it.refuse(it.a)
        await it.later(1)
        await it.refuse(it.b)
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, len(generation.attempts)) == ("server_error", 4)


async def test_all_calls_of_a_target_taken_are_no_attempt_at_it() -> None:
    async with stage() as it:
        it.targets[0].max_concurrent = 1
        first, second = await it.start(), await it.start()
        await it.opened(it.a, it.b)
        await it.say(it.b, "x")
        assert (starts(first), starts(second)) == ([("a", 1, 1)], [("b", 1, 1)])
        await it.say(it.a, "x")
        await it.finish(it.a)
        third = await it.start()
        await it.opened(it.a)
        assert starts(third) == [("a", 1, 1)]


async def test_the_bound_of_a_model_holds_beside_the_clients_own() -> None:
    async with stage(Policy(max_output_tokens=50)) as it:
        for asked, expected in ((None, 50), (20, 20), (80, 50)):
            await it.start(ask(max_tokens=asked))
            assert it.a.last.call.options["max_tokens"] == expected


# Races.

RACE = Policy(hedge=0.5)


async def race(it: Stage) -> Generation:
    generation = await it.start()
    await it.opened(it.a)
    await it.later(0.5)
    return generation


async def test_the_second_wins_and_the_first_is_closed_and_paid_for() -> None:
    async with stage(RACE, price=Price(1e6, 1e6, 1e6)) as it:
        generation = await race(it)
        assert (it.a.open_calls, it.b.open_calls) == (1, 1)
        await it.opened(it.b)
        assert starts(generation) == [("a", 1, 1)]
        await it.say(it.b, "Hello")
        assert it.a.last.closed
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]
        await it.say(it.a, "late")
        await it.finish(it.b, Usage(3, 4, "exact"))
        assert types(generation.log) == ["accepted", "start", "start", "chunk", "complete"]
        assert generation.log.text() == "Hello"
        assert ends(generation) == ["lost", "answered"]
        complete = end(generation)
        assert isinstance(complete, Complete)
        lost = generation.attempts[0].used()
        assert lost is not None
        assert complete.cost_usd == (lost.input_tokens or 0) + 7
        assert complete.usage.source == "estimated"


async def test_the_first_wins_after_all() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        await it.say(it.a, "Hello")
        assert it.b.last.closed
        await it.finish(it.a)
        assert starts(generation) == [("a", 1, 1)]
        assert ends(generation) == ["answered", "lost"]
        assert end(generation).type == "complete"


async def test_content_in_time_needs_no_race() -> None:
    async with stage(RACE) as it:
        generation = await it.start()
        await it.opened(it.a)
        await it.later(0.4)
        await it.say(it.a, "Hello")
        await it.later(10)
        assert not it.b.calls
        await it.finish(it.a)
        assert end(generation).type == "complete"


async def test_an_empty_delta_and_a_usage_frame_win_nothing() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        it.b.last.send()
        it.b.last.send(Usage(5, 0, "exact"))
        await settle()
        assert not it.a.last.closed
        await it.say(it.a, "Hello")
        await it.finish(it.a)
        assert generation.log.text() == "Hello"


async def test_an_answer_without_a_word_wins_nothing_while_another_may_come() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        await it.finish(it.b)
        assert not generation.log.ended
        await it.say(it.a, "Hello")
        await it.finish(it.a)
        assert generation.log.text() == "Hello"
        assert end(generation).type == "complete"


@pytest.mark.parametrize("silent_first", [False, True])
async def test_if_nothing_better_comes_an_answer_without_a_word_is_the_answer(*, silent_first: bool) -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        silent, dying = (it.a, it.b) if silent_first else (it.b, it.a)
        await it.finish(silent)
        assert not generation.log.ended
        await it.die(dying, NO)
        assert end(generation).type == "complete"
        assert starts(generation)[-1][0] == silent.name


async def test_the_first_fails_and_the_second_is_left_alone() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        await it.die(it.a, NO)
        assert retries(generation) == [(1, "a", "server_error", 0)]
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]
        await it.say(it.b, "Hello")
        await it.finish(it.b)
        assert types(generation.log) == ["accepted", "start", "retry", "start", "chunk", "complete"]


async def test_the_first_fails_before_the_second_was_accepted() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.die(it.a, NO)
        assert generation.state is State.CONNECTING
        await it.opened(it.b)
        await it.say(it.b, "Hello")
        await it.finish(it.b)
        assert types(generation.log) == ["accepted", "start", "retry", "start", "chunk", "complete"]


async def test_the_second_is_accepted_before_the_first() -> None:
    async with stage(RACE) as it:
        generation = await it.start()
        await it.later(0.5)
        await it.opened(it.b)
        assert starts(generation) == [("b", 2, 1)]
        await it.refuse(it.a)
        assert retries(generation) == [(1, "a", "server_error", 0)]
        assert generation.state is State.WAITING
        await it.say(it.b, "Hello")
        await it.finish(it.b)
        assert starts(generation) == [("b", 2, 1)]


async def test_a_second_that_fails_is_no_news_while_the_first_runs() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.refuse(it.b)
        assert not retries(generation)
        await it.say(it.a, "Hello")
        await it.finish(it.a)
        assert ends(generation) == ["answered", "server_error"]


@pytest.mark.parametrize("first_last", [False, True])
async def test_both_fail_and_the_next_round_begins(*, first_last: bool) -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        for upstream in (it.b, it.a) if first_last else (it.a, it.b):
            await it.die(upstream, NO)
        told = [(1, "a", "server_error", 1000)] if first_last else [(1, "a", "server_error", 0)]
        told += [] if first_last else [(2, "b", "server_error", 1000)]
        assert retries(generation) == told
        await it.later(1)
        assert (len(it.a.calls), len(it.b.calls)) == (2, 1)
        await it.opened(it.a)
        assert starts(generation)[-1] == ("a", 3, 1)
        await it.say(it.a, "Hello")
        await it.finish(it.a)
        assert end(generation).type == "complete"


async def test_the_race_begins_at_what_was_observed() -> None:
    async with stage(Policy(hedge="p95")) as it:
        for _ in range(20):
            generation = await it.start()
            await it.opened(it.a)
            await it.later(0.3)
            await it.say(it.a, "x")
            await it.finish(it.a)
            assert end(generation).type == "complete"
        assert not it.b.calls
        await it.start()
        await it.opened(it.a)
        await it.later(0.29)
        assert not it.b.calls
        await it.later(0.02)
        assert len(it.b.calls) == 1


async def test_how_long_a_loser_was_waited_for_is_remembered() -> None:
    async with stage(RACE) as it:
        await race(it)
        await it.opened(it.b)
        await it.later(0.25)
        await it.say(it.b, "x")
        assert (it.targets[0].latency.mean, it.targets[1].latency.mean) == (0.75, 0.25)


# Failover.

FAILOVER = Policy(failover=True)


async def dying(
    it: Stage, *, native: bool, words: str = "Once upon ", request: StartRequest | None = None
) -> Generation:
    it.b.native = native
    generation = await it.start(request)
    await it.opened(it.a)
    await it.say(it.a, words)
    await it.die(it.a)
    return generation


async def test_an_answer_goes_on_elsewhere_from_where_it_broke_off() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=True)
        call = it.b.last.call
        assert call.continues
        assert [(m.role, m.content) for m in call.messages] == [("user", "Hello"), ("assistant", "Once upon")]
        await it.opened(it.b)
        # The seam: the space at the end was taken off the prefix, so it comes again, here in pieces.
        it.b.last.send(" ")
        it.b.last.send("a time")
        await it.finish(it.b)
        assert generation.log.text() == "Once upon a time"
        assert types(generation.log) == ["accepted", "start", "chunk", "retry", "start", "chunk", "complete"]
        assert retries(generation) == [(1, "a", "truncated", 0)]
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]


async def test_where_it_cannot_be_continued_it_begins_anew_and_says_so() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=False)
        assert [m.role for m in it.b.last.call.messages] == ["user"]
        await it.opened(it.b)
        await it.say(it.b, "There was")
        await it.finish(it.b)
        assert generation.log.text() == "There was"
        assert types(generation.log) == [
            *("accepted", "start", "chunk", "retry", "revision", "start", "chunk", "complete")
        ]
        (revision,) = [e for e in events(generation) if isinstance(e, Revision)]
        assert revision == Revision(2, None, None, "failover")
        assert starts(generation) == [("a", 1, 1), ("b", 2, 2)]


async def test_thinking_alone_is_nothing_to_go_on_from() -> None:
    async with stage(FAILOVER) as it:
        it.b.native = True
        generation = await it.start()
        await it.opened(it.a)
        it.a.last.send(Reasoning("hm"))
        await settle()
        await it.die(it.a)
        assert not it.b.last.call.continues
        await it.opened(it.b)
        await it.say(it.b, "x")
        assert generation.revision == 2


async def test_never_inside_a_tool_call() -> None:
    async with stage(FAILOVER) as it:
        generation = await it.start()
        await it.opened(it.a)
        it.a.last.send(ToolCall(0, "c", "f", "{"))
        await settle()
        await it.die(it.a)
        assert not it.b.calls
        assert end(generation).type == "error"


@pytest.mark.parametrize("code", [Code.INVALID_REQUEST, Code.CONTENT_FILTER, Code.AUTH_ERROR])
async def test_what_no_other_would_do_better_ends_it(code: Code) -> None:
    async with stage(FAILOVER) as it:
        generation = await it.start()
        await it.opened(it.a)
        await it.say(it.a, "x")
        await it.die(it.a, Failed(code, "no"))
        assert not it.b.calls
        assert end(generation).type == "error"


async def test_a_stall_in_mid_answer_is_a_death_too() -> None:
    async with stage(FAILOVER) as it:
        generation = await it.start()
        await it.opened(it.a)
        await it.say(it.a, "Once")
        await it.later(20)
        assert it.a.last.closed
        assert retries(generation) == [(1, "a", "stalled", 0)]
        assert len(it.b.calls) == 1


async def test_what_the_client_allowed_is_not_exceeded_by_going_on() -> None:
    async with stage(FAILOVER) as it:
        await dying(it, native=True, words="x" * 40, request=ask(max_tokens=100))
        assert it.a.last.call.options["max_tokens"] == 100
        assert it.b.last.call.options["max_tokens"] == 90


async def test_what_begins_anew_may_become_as_long_as_the_client_allowed() -> None:
    async with stage(FAILOVER) as it:
        await dying(it, native=False, words="x" * 40, request=ask(max_tokens=100))
        assert it.b.last.call.options["max_tokens"] == 100


async def test_who_cannot_go_on_either_hands_on() -> None:
    async with stage(FAILOVER) as it:
        it.a.native = True
        generation = await dying(it, native=True)
        await it.refuse(it.b)
        assert retries(generation)[-1] == (2, "b", "server_error", 1000)
        await it.later(1)
        assert it.a.last.call.continues
        await it.opened(it.a)
        await it.say(it.a, " a time")
        await it.finish(it.a)
        assert generation.log.text() == "Once upon a time"
        assert starts(generation)[-1] == ("a", 3, 1)


async def test_dying_again_and_again_comes_to_an_end() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=False)
        for upstream in (it.b, it.a, it.b):
            await it.later(1)
            await it.opened(upstream)
            await it.say(upstream, "x")
            await it.die(upstream)
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, len(generation.attempts)) == ("truncated", True, 4)
        assert generation.revision == 4


async def test_feedback_on_a_text_that_went_on_elsewhere_has_all_of_it() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=True)
        await it.opened(it.b)
        await it.say(it.b, " a time")
        it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
        await settle()
        # Asked anew, the first target is the first again.
        assert [(m.role, m.content) for m in it.a.last.call.messages] == [
            ("user", "Hello"),
            ("assistant", "Once upon a time"),
            ("user", "shorter"),
        ]
        assert not it.a.last.call.continues


async def test_all_that_was_sent_and_got_is_paid_for() -> None:
    async with stage(FAILOVER, price=Price(0, 0, 1e6)) as it:
        generation = await dying(it, native=True, words="x" * 40)
        await it.opened(it.b)
        await it.say(it.b, "y" * 40)
        await it.finish(it.b, Usage(25, 11, "exact"))
        complete = end(generation)
        assert isinstance(complete, Complete)
        assert complete.cost_usd == 10 + 11
        assert complete.usage.source == "estimated"


# Budgets.


async def test_a_running_answer_is_stopped_when_the_budget_is_spent() -> None:
    async with stage(price=DOLLAR, budget=10) as it:
        generation = await it.start(principal="p")
        await it.opened(it.a)
        for _ in range(9):
            await it.say(it.a, "four")
        assert not generation.log.ended
        await it.say(it.a, "four", "four")
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, failed.retryable) == ("budget_exceeded", True, False)
        assert failed.cost_usd == 11
        assert failed.retry_after_ms
        assert it.a.last.closed
        assert not it.b.calls
        with pytest.raises(Refused) as refused:
            await it.start(principal="p")
        assert refused.value.status == 402
        await it.start(principal="q")
        await it.later(86_400)
        await it.start(principal="p")


async def test_streams_of_one_principal_share_what_is_left() -> None:
    async with stage(price=DOLLAR, budget=300) as it:
        one, two = await it.start(principal="p"), await it.start(principal="p")
        calls: list[ScriptedCall] = it.a.calls
        for call in calls:
            call.accept()
        await settle()
        for _ in range(200):
            for call in calls:
                call.send("four")
            await settle()
            if one.log.ended and two.log.ended:
                break
        assert (end(one).type, end(two).type) == ("error", "error")
        used = sum(generation.usage().output_tokens or 0 for generation in (one, two))
        # What one may have until it looks again is not there for the other.
        assert 300 <= used <= 301


async def test_a_prompt_that_the_budget_does_not_cover_is_not_sent() -> None:
    async with stage(price=Price(1e6, 1e6, 1e6), budget=10) as it:
        generation = await it.start(ask("x" * 400), principal="p")
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.cost_usd, failed.partial) == ("budget_exceeded", 0, False)
        assert not it.a.calls
        # And nothing was spent.
        await it.start(ask("x"), principal="p")
        await it.opened(it.a)


async def test_a_race_that_the_budget_does_not_cover_is_not_run() -> None:
    async with stage(RACE, price=Price(1e6, 1e6, 1e6), budget=10) as it:
        generation = await it.start(principal="p")
        await it.opened(it.a)
        await it.later(0.5)
        assert not it.b.calls
        await it.say(it.a, "x")
        await it.finish(it.a, Usage(6, 1, "exact"))
        complete = end(generation)
        assert isinstance(complete, Complete)
        assert complete.cost_usd == 7


async def test_what_the_provider_counted_is_what_is_charged_in_the_end() -> None:
    async with stage(price=DOLLAR, budget=12) as it:
        for _ in range(3):
            await it.start(principal="p")
            await it.opened(it.a)
            await it.say(it.a, "x" * 20)
            await it.finish(it.a, Usage(0, 3, "exact"))
        assert it.hub._budgets.remaining(anonymous("p").id, it.clock.unix()) == pytest.approx(3)
        assert it.hub.stats()["cost_usd"] == 9


async def test_what_is_known_of_the_upstreams_can_be_asked() -> None:
    async with stage() as it:
        await it.start()
        await it.refuse(it.a)
        await it.opened(it.b)
        await it.later(0.25)
        await it.say(it.b, "x")
        shown = it.hub.stats()["upstreams"]
        facts = {"model": "m", "circuit": "closed", "calls": 1}
        assert shown == [
            {**facts, "provider": "a", "upstream_model": "a-model", "running": 0, "failed": 1, "ttft_ms": None},
            {**facts, "provider": "b", "upstream_model": "b-model", "running": 1, "failed": 0, "ttft_ms": 250.0},
        ]
        await it.finish(it.b)


async def test_interrupts_save_what_longer_answers_had() -> None:
    async with stage(price=DOLLAR) as it:
        await it.start()
        await it.opened(it.a)
        await it.say(it.a, "x")
        await it.finish(it.a, Usage(0, 100, "exact"))
        generation = await it.start()
        await it.opened(it.a)
        await it.say(it.a, "x" * 80)
        it.hub.interrupt(generation.id, InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()
        stopped = end(generation)
        assert isinstance(stopped, Interrupted)
        assert stopped.cost_usd == 20
        saved = it.hub.stats()["saved_by_interrupts"]
        assert saved == {"interrupts": 1, "unknown": 0, "tokens_estimated": 80, "cost_usd_estimated": 80.0}


# Whatever ends it, wherever it is, everything is given back; `stage` looks.


async def to_racing(it: Stage) -> Generation:
    return await race(it)


async def to_racing_opened(it: Stage) -> Generation:
    generation = await race(it)
    await it.opened(it.b)
    return generation


async def to_hedge_not_begun(it: Stage) -> Generation:
    generation = await it.start()
    await it.opened(it.a)
    it.clock.advance(0.5)
    return generation


async def to_won(it: Stage) -> Generation:
    generation = await to_racing_opened(it)
    it.b.last.send("Hello")
    await asyncio.sleep(0)
    return generation


async def to_left_alone(it: Stage) -> Generation:
    generation = await race(it)
    await it.die(it.a, NO)
    return generation


async def to_going_on(it: Stage) -> Generation:
    return await dying(it, native=True)


async def to_begun_anew(it: Stage) -> Generation:
    generation = await dying(it, native=False)
    await it.opened(it.b)
    return generation


def interrupt(it: Stage, generation: Generation) -> None:
    it.hub.interrupt(generation.id, InterruptRequest(), it.clock.now(), ANYBODY)


def revise(it: Stage, generation: Generation) -> None:
    it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)


def shut_down(it: Stage, _generation: Generation) -> None:
    it.hub.draining = True
    for record in it.hub._records._by_id.values():
        assert record.task is not None
        record.task.cancel()


def time_goes(it: Stage, _generation: Generation) -> None:
    it.clock.advance(60)


def all_fail(it: Stage, _generation: Generation) -> None:
    for call in (*it.a.calls, *it.b.calls):
        if not call._opening.done():
            call.refuse(NO)
        call.fail(CUT)


STATES = [to_hedge_not_begun, to_racing, to_racing_opened, to_won, to_left_alone, to_going_on, to_begun_anew]
CAUSES = [interrupt, revise, shut_down, time_goes, all_fail]


@pytest.mark.parametrize(("reach", "cause"), list(product(STATES, CAUSES)))
async def test_whatever_ends_it_in_whatever_state_all_is_given_back(
    reach: Callable[[Stage], object], cause: Callable[[Stage, Generation], None]
) -> None:
    async with stage(Policy(hedge=0.5, failover=True)) as it:
        generation: Generation = await reach(it)  # type: ignore[misc]
        cause(it, generation)
        await settle()
        if not generation.log.ended:
            interrupt(it, generation)
            await settle()
        terminal = [e for e in events(generation) if e.type in {"complete", "interrupted", "error"}]
        assert terminal == [end(generation)]


async def test_the_end_mark_of_the_loser_in_the_turn_of_the_winners_content_changes_nothing() -> None:
    async with stage(RACE) as it:
        generation = await to_racing_opened(it)
        it.b.last.send("Hello")
        it.a.last.send(Finished("stop"))
        await settle()
        await it.finish(it.b)
        assert generation.log.text() == "Hello"
        assert starts(generation)[-1][0] == "b"


# What the operator is told.


async def test_a_provider_that_is_left_alone_and_one_that_answers_again_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as it:
        it.targets[0].breaker = Breaker(2, cooldown=5)
        for wait in (0, 6, 11):
            # The second failure opens it, and so does that of the probe.
            await it.start()
            await it.refuse(it.a)
            await it.opened(it.b)
            await it.say(it.b, "x")
            await it.finish(it.b)
            await it.later(wait)
        await it.start()
        await it.opened(it.a)
        await it.say(it.a, "x")
        await it.finish(it.a)
        assert caplog.messages == [
            "a, model a-model: circuit opened for 5 s, last failure server_error",
            "a, model a-model: circuit opened for 10 s, last failure server_error",
            "a, model a-model: circuit closed",
        ]
