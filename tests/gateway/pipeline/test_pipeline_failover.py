"""What the pipeline does after a call that fails in mid-answer: another target continues, or begins a new text."""

import pytest

from gateway.billing.prices import Price
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Complete, Error, Reasoning, Revision, ToolCall, Usage
from gateway.upstreams.base import UpstreamRequest
from tests.event_loop import settle
from tests.event_types import event_types
from tests.gateway.pipeline.log_events import events, retries, starts, terminal_event
from tests.gateway.pipeline.two_targets import FAILOVER, TRUNCATED, start_and_break_off, two_targets
from tests.start_requests import ANONYMOUS


async def test_another_target_continues_where_an_answer_broke_off() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=True)
        request = harness.b.last.request
        assert request.continues
        assert [(m.role, m.content) for m in request.messages] == [("user", "Hello"), ("assistant", "Once upon")]
        await harness.accept(harness.b)
        # The prefix was sent without its trailing space, so the continuation repeats it, here in pieces.
        harness.b.last.send(" ")
        harness.b.last.send("a time")
        await harness.finish(harness.b)
        assert generation.log.text() == "Once upon a time"
        assert event_types(generation.log) == ["accepted", "start", "chunk", "retry", "start", "chunk", "complete"]
        assert retries(generation) == [(1, "a", "truncated", 0)]
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]


async def test_a_target_that_cannot_continue_starts_a_new_revision() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=False)
        assert [m.role for m in harness.b.last.request.messages] == ["user"]
        await harness.accept(harness.b)
        await harness.send(harness.b, "There was")
        await harness.finish(harness.b)
        assert generation.log.text() == "There was"
        assert event_types(generation.log) == [
            *("accepted", "start", "chunk", "retry", "revision", "start", "chunk", "complete")
        ]
        (revision,) = [e for e in events(generation) if isinstance(e, Revision)]
        assert revision == Revision(2, None, None, "failover")
        assert starts(generation) == [("a", 1, 1), ("b", 2, 2)]


async def test_reasoning_alone_is_not_continued() -> None:
    async with two_targets(FAILOVER) as harness:
        harness.b.native = True
        generation = await harness.start()
        await harness.accept(harness.a)
        harness.a.last.send(Reasoning("hm"))
        await settle()
        await harness.fail(harness.a)
        assert not harness.b.last.request.continues
        await harness.accept(harness.b)
        await harness.send(harness.b, "x")
        assert generation.revision == 2


async def test_a_tool_call_is_not_continued() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        harness.a.last.send(ToolCall(0, "c", "f", "{"))
        await settle()
        await harness.fail(harness.a)
        assert not harness.b.calls
        assert terminal_event(generation).type == "error"


@pytest.mark.parametrize("code", [Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA, Code.RATE_LIMIT])
async def test_a_failure_of_the_account_in_mid_answer_fails_over(code: Code) -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "Once")
        await harness.fail(harness.a, Failed(code, "no"))
        assert retries(generation) == [(1, "a", code, 0)]
        assert len(harness.b.calls) == 1


@pytest.mark.parametrize("code", [Code.INVALID_REQUEST, Code.CONTENT_FILTER, Code.AUTH_ERROR])
async def test_a_failure_of_the_request_ends_the_generation(code: Code) -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "x")
        await harness.fail(harness.a, Failed(code, "no"))
        assert not harness.b.calls
        assert terminal_event(generation).type == "error"


async def test_a_stall_in_mid_answer_fails_over_too() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "Once")
        await harness.advance(20)
        assert harness.a.last.closed
        assert retries(generation) == [(1, "a", "stalled", 0)]
        assert len(harness.b.calls) == 1


async def test_a_continuation_that_fails_falls_back_too() -> None:
    async with two_targets(FAILOVER) as harness:
        harness.a.native = True
        generation = await start_and_break_off(harness, native=True)
        await harness.refuse(harness.b)
        assert retries(generation)[-1] == (2, "b", "server_error", 1000)
        await harness.advance(1)
        assert harness.a.last.request.continues
        await harness.accept(harness.a)
        await harness.send(harness.a, " a time")
        await harness.finish(harness.a)
        assert generation.log.text() == "Once upon a time"
        assert starts(generation)[-1] == ("a", 3, 1)


async def test_repeated_failures_come_to_an_end() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=False)
        for upstream in (harness.b, harness.a, harness.b):
            await harness.advance(1)
            await harness.accept(upstream)
            await harness.send(upstream, "x")
            await harness.fail(upstream)
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, len(generation.attempts)) == ("truncated", True, 4)
        assert generation.revision == 4


async def test_feedback_on_a_continued_text_has_all_of_it() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=True)
        await harness.accept(harness.b)
        await harness.send(harness.b, " a time")
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        # A new call begins at the first target again.
        assert [(m.role, m.content) for m in harness.a.last.request.messages] == [
            ("user", "Hello"),
            ("assistant", "Once upon a time"),
            ("user", "shorter"),
        ]
        assert not harness.a.last.request.continues


async def test_all_attempts_of_a_continued_text_are_charged() -> None:
    async with two_targets(FAILOVER, price=Price(0, 0, 1e6)) as harness:
        generation = await start_and_break_off(harness, native=True, text="x" * 40)
        await harness.accept(harness.b)
        await harness.send(harness.b, "y" * 40)
        await harness.finish(harness.b, Usage(25, 11, "exact"))
        complete = terminal_event(generation)
        assert isinstance(complete, Complete)
        assert complete.cost_usd == 10 + 11
        assert complete.usage.source == "estimated"


async def test_a_text_is_kept_until_another_begins() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=False)
        await harness.accept(harness.b)
        assert generation.log.text() == "Once upon "
        await harness.fail(harness.b)
        await harness.advance(1)
        await harness.refuse(harness.a, Failed(Code.INVALID_REQUEST, "no"))
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.partial
        assert (generation.log.text(), generation.revision) == ("Once upon ", 1)
        assert event_types(generation.log) == ["accepted", "start", "chunk", "retry", "retry", "error"]


async def test_a_target_that_fails_before_its_new_text_leaves_the_old_text_to_be_continued() -> None:
    async with two_targets(FAILOVER) as harness:
        harness.a.native = True
        generation = await start_and_break_off(harness, native=False)
        await harness.refuse(harness.b)
        await harness.advance(1)
        assert harness.a.last.request.continues
        await harness.accept(harness.a)
        await harness.send(harness.a, " a time")
        await harness.finish(harness.a)
        assert (generation.log.text(), generation.revision) == ("Once upon a time", 1)


async def test_feedback_before_a_new_text_begins_refers_to_the_old_text() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=False)
        await harness.accept(harness.b)
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        messages = [(m.role, m.content) for m in harness.a.last.request.messages]
        assert messages == [("user", "Hello"), ("assistant", "Once upon "), ("user", "shorter")]
        await harness.accept(harness.a)
        await harness.send(harness.a, "Once.")
        await harness.finish(harness.a)
        assert (generation.log.text(), generation.revision) == ("Once.", 2)


async def test_an_upstream_whose_can_continue_raises_releases_everything() -> None:
    async with two_targets(FAILOVER) as harness:

        def broken(_request: UpstreamRequest) -> bool:
            raise RuntimeError

        harness.b.can_continue = broken  # type: ignore[method-assign]
        generation = await start_and_break_off(harness, native=True)
        assert generation.state is State.ERROR
        assert harness.targets[1].running == 0


async def test_whitespace_of_a_continuation_that_repeats_the_end_of_the_text_is_dropped() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=True, text="Once \n ")
        await harness.accept(harness.b)
        harness.b.last.send(Chunk(" \n"))
        harness.b.last.send(Chunk(" upon"))
        harness.b.last.fail(TRUNCATED)
        await settle()
        assert generation.log.text() == "Once \n upon"


async def test_a_model_that_refuses_to_continue_is_called_for_a_new_text() -> None:
    async with two_targets(FAILOVER) as harness:
        generation = await start_and_break_off(harness, native=True)
        await harness.refuse(harness.b, Failed(Code.INVALID_REQUEST, "prefill is not supported"))
        assert [call.request.continues for call in harness.b.calls] == [True, False]
        await harness.accept(harness.b)
        await harness.send(harness.b, "Anew")
        await harness.finish(harness.b)
        assert generation.log.text() == "Anew"
        assert retries(generation) == [(1, "a", "truncated", 0), (2, "b", "invalid_request", 0)]
