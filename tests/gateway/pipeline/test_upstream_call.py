"""One call: its time limits, its last events, and what is learned from it."""

from collections.abc import Callable

import pytest

from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed, GatewayFault
from gateway.protocol.events import Complete, Error, ToolCall, Usage
from gateway.routing.breaker import Breaker
from gateway.routing.model import Policy
from gateway.routing.watchdog import Limits
from gateway.upstreams.base import Finished
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import terminal_event
from tests.gateway.pipeline.one_target import (
    OneTarget,
    failure,
    interrupt,
    one_target,
    to_connecting,
    to_streaming,
    to_waiting,
)
from tests.gateway.pipeline.two_targets import two_targets
from tests.start_requests import ANONYMOUS


async def test_usage_may_follow_the_end_mark_within_a_timeout() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        harness.upstream.last.send(Finished("stop"))
        await settle()
        assert not generation.log.ended
        harness.clock.advance(5)
        await settle()
        assert terminal_event(generation).type == "complete"
        assert generation.usage().source == "estimated"
        harness.assert_nothing_left()


@pytest.mark.parametrize("is_done", [False, True])
async def test_after_the_end_of_a_response_no_usage_is_awaited(*, is_done: bool) -> None:
    async with one_target() as harness:
        generation = harness.start()
        await settle()
        call, timers = harness.upstream.last, harness.clock.due_times()
        call.is_done = is_done
        call.send("Xin chào", Finished("stop"))
        await settle()
        assert (harness.clock.due_times() == timers) is is_done
        call.finish()
        await settle()
        assert terminal_event(generation).type == "complete"
        harness.assert_nothing_left()


async def test_content_after_an_end_mark_counts_and_the_last_reason_is_sent() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        harness.upstream.last.send(Finished("tool_calls"), Usage(9, 1, "exact"))
        await settle()
        harness.clock.advance(4)
        harness.upstream.last.send("and more")
        await settle()
        # The wait for usage was over here, but the answer is not.
        harness.clock.advance(4)
        await settle()
        assert not generation.log.ended
        harness.upstream.last.finish("stop", Usage(9, 3, "exact"))
        await settle()
        complete = terminal_event(generation)
        assert isinstance(complete, Complete)
        assert (complete.finish_reason, complete.usage) == ("stop", Usage(9, 3, "exact"))
        assert generation.log.text().endswith("and more")


@pytest.mark.parametrize(
    ("reach", "seconds", "code"), [(to_waiting, 60, "first_token_timeout"), (to_streaming, 20, "stalled")]
)
async def test_a_silent_upstream_is_cancelled(reach: Callable[[OneTarget], object], seconds: float, code: str) -> None:
    async with one_target(auto_accept=False) as harness:
        generation: Generation = await reach(harness)  # type: ignore[misc]
        harness.clock.advance(seconds - 0.1)
        await settle()
        assert not generation.log.ended
        harness.clock.advance(0.1)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.code == code
        assert harness.upstream.open_calls == 0


async def test_content_postpones_the_stall_timeout_and_an_empty_read_does_not() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        for _ in range(5):
            harness.clock.advance(19)
            harness.upstream.last.send("more ")
            await settle()
        harness.clock.advance(19)
        harness.upstream.last.send()
        await settle()
        harness.clock.advance(1)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("stalled", True)


async def test_the_total_timeout_ends_a_running_answer() -> None:
    async with one_target(
        limits=Limits(total_timeout=100, stall_timeout=0, first_token_timeout=0), attempts=9
    ) as harness:
        generation = await harness.streaming()
        for _ in range(9):
            harness.clock.advance(11)
            harness.upstream.last.send("more ")
            await settle()
        harness.clock.advance(1)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("timeout", True)


async def test_an_answer_below_the_minimum_rate_is_too_slow() -> None:
    async with one_target(limits=Limits(stall_timeout=0, min_chars_per_second=2, rate_window=10)) as harness:
        generation = await harness.streaming()
        for _ in range(3):
            harness.upstream.last.send("x" * 20)
            await settle()
            harness.clock.advance(10)
            await settle()
            assert not generation.log.ended
        harness.upstream.last.send("x" * 19)
        await settle()
        harness.clock.advance(10)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.code == "too_slow"


async def test_the_last_read_and_the_usage_timeout_in_the_same_turn(caplog: pytest.LogCaptureFixture) -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        harness.upstream.last.send(Finished("stop"))
        await settle()
        harness.upstream.last.send(Usage(1, 1, "exact"))
        harness.upstream.last._reads.put_nowait(None)
        harness.clock.advance(5)
        await settle()
        assert terminal_event(generation).type == "complete"
        assert "Traceback" not in caplog.text


async def test_content_long_after_an_early_finish_reason_is_not_cut() -> None:
    async with one_target(limits=Limits()) as harness:
        generation = await harness.streaming()
        for text in ("there ", "was."):
            harness.upstream.last.send(Finished("stop"))
            await settle()
            harness.clock.advance(12)
            await settle()
            assert not generation.log.ended
            harness.upstream.last.send(text)
            await settle()
        harness.upstream.last.send(Finished("stop"))
        await settle()
        harness.clock.advance(Limits().usage_timeout)
        await settle()
        assert terminal_event(generation).type == "complete"
        assert generation.log.text() == "Once upon there was."


async def test_a_tool_call_without_text_is_content_too() -> None:
    async with one_target(attempts=4) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.send(ToolCall(0, None, None, ""))
        harness.upstream.last.fail(failure(Code.TRUNCATED))
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, failed.retryable) == ("truncated", True, True)


async def test_a_call_that_is_cancelled_before_its_headers_is_charged() -> None:
    async with one_target(auto_accept=False) as harness:
        generation = await to_connecting(harness)
        harness.clock.advance(60)
        await settle()
        assert terminal_event(generation).type == "error"
        usage = generation.usage()
        assert usage.input_tokens
        assert usage.source == "estimated"


@pytest.mark.parametrize("command", ["interrupt", "revise", "timeout"])
async def test_a_command_in_the_turn_of_the_headers_is_not_lost(command: str) -> None:
    async with one_target(auto_accept=False, limits=Limits(first_token_timeout=300)) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.accept()
        if command == "interrupt":
            interrupt(harness, generation)
        elif command == "revise":
            harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        else:
            harness.clock.advance(301)
        await settle()
        assert harness.upstream.calls[0].closed
        expected = {"interrupt": State.INTERRUPTED, "revise": State.CONNECTING, "timeout": State.ERROR}
        assert generation.state is expected[command]


async def test_opened_and_closed_circuits_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with two_targets() as harness:
        harness.targets[0].breaker = Breaker(2, cooldown=5)
        for wait in (0, 6, 11):
            # The second failure opens it, and so does that of the probe.
            await harness.start()
            await harness.refuse(harness.a)
            await harness.accept(harness.b)
            await harness.send(harness.b, "x")
            await harness.finish(harness.b)
            await harness.advance(wait)
        await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "x")
        await harness.finish(harness.a)
        assert caplog.messages == [
            "a, model a-model: circuit opened for 5 s, last failure server_error",
            "a, model a-model: circuit opened for 10 s, last failure server_error",
            "a, model a-model: circuit closed",
        ]


async def test_an_answer_in_one_read_has_a_latency() -> None:
    async with two_targets() as harness:
        await harness.start()
        await harness.accept(harness.a)
        harness.clock.advance(0.3)
        harness.a.last.send("Hello", Finished("stop"), Usage(1, 1, "exact"))
        harness.a.last.finish()
        await settle()
        assert harness.targets[0].latency.mean == pytest.approx(0.3)


async def test_a_first_token_timeout_raises_the_latency() -> None:
    async with two_targets() as harness:
        harness.targets[0].latency.add(0.1)
        await harness.start()
        await harness.accept(harness.a)
        await harness.advance(60)
        assert harness.targets[0].latency.mean == pytest.approx(0.1 + 0.2 * 59.9)


async def test_a_target_that_only_fails_is_not_the_fastest() -> None:
    async with two_targets(Policy(routing="fastest")) as harness:
        await harness.start()
        await harness.refuse(harness.a, Failed(Code.AUTH_ERROR, "no"))
        await harness.accept(harness.b)
        await harness.advance(1)
        await harness.send(harness.b, "x")
        await harness.finish(harness.b)
        await harness.start()
        assert (len(harness.a.calls), len(harness.b.calls)) == (1, 2)


@pytest.mark.parametrize("billed", [False, True])
async def test_a_call_that_the_provider_had_taken_is_never_exactly_nothing(*, billed: bool) -> None:
    async with one_target(auto_accept=False) as harness:
        generation = await to_connecting(harness)
        failed = Failed(Code.NETWORK_ERROR, "closed without a response")
        failed.may_be_billed = billed
        harness.upstream.last.refuse(failed)
        await settle()
        usage = generation.usage()
        assert usage.source == ("estimated" if billed else "exact")
        assert bool(usage.input_tokens) is billed


async def test_a_fault_of_the_gateway_is_not_blamed_on_the_provider() -> None:
    async with one_target(auto_accept=False, breaker=1, attempts=2) as harness:
        generation = await to_connecting(harness)
        target = harness.hub.models.resolve(generation.model).targets[0]
        harness.upstream.last.refuse(GatewayFault("no file"))
        await settle()
        assert (target.failed, target.failing) == (0, False)
        harness.clock.advance(1)
        await settle()
        # The circuit is closed: the call is made again.
        assert len(harness.upstream.calls) == 2
        harness.upstream.last.refuse(GatewayFault("no file"))
        await settle()
        ended = terminal_event(generation)
        assert isinstance(ended, Error)
        assert (ended.code, ended.retryable, generation.usage().input_tokens) == (Code.SERVER_ERROR, True, 0)


@pytest.mark.parametrize("code", [Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA])
async def test_a_refused_account_inside_a_response_is_logged_once_a_minute(
    code: Code, caplog: pytest.LogCaptureFixture
) -> None:
    async with one_target() as harness:
        for _ in range(2):
            harness.start()
            await settle()
            harness.upstream.last.fail(Failed(code, "The key is refused."))
            await settle()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "scripted, model m: The key is refused."
    ]
