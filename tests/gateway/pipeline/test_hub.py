"""Starts, commands and limits of all generations."""

import asyncio

import pytest

from gateway.admission.prompts import PromptMemory
from gateway.admission.rate_limits import RateLimits
from gateway.generation.state import State
from gateway.pipeline.hub_base import POSITIONS_SECONDS
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest
from gateway.protocol.errors import Code, Refused, UnsupportedOption
from gateway.protocol.events import Error, Queued
from gateway.routing.start_defaults import StartDefaults
from gateway.security.principals import GenerationScope, Principal
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import terminal_event
from tests.gateway.pipeline.one_target import interrupt, one_target
from tests.start_requests import ANONYMOUS, start_request


async def test_an_interrupt_stops_only_its_generation() -> None:
    async with one_target() as harness:
        old = await harness.streaming()
        interrupt(harness, old)
        await settle()
        new = await harness.streaming()
        interrupt(harness, old)
        await settle()
        assert new.state is State.STREAMING


async def test_an_unknown_model_is_refused_and_nothing_is_started() -> None:
    async with one_target() as harness:
        with pytest.raises(Refused) as refused:
            harness.start(
                StartRequest.model_validate({"messages": [{"role": "user", "content": "x"}], "model": "gpt-9"})
            )
        assert refused.value.code is Code.MODEL_NOT_FOUND
        assert "known are: m" in refused.value.message
        assert harness.hub.running == 0


async def test_a_drain_waits_for_running_generations_and_ends_the_rest() -> None:
    async with one_target() as harness:
        quick, slow = await harness.streaming(), await harness.streaming()
        draining = asyncio.create_task(harness.hub.drain(10))
        await settle()
        with pytest.raises(Refused) as refused:
            harness.start()
        assert refused.value.code is Code.SHUTTING_DOWN
        harness.upstream.calls[0].finish()
        await settle()
        assert not draining.done()
        harness.clock.advance(10)
        await draining
        # With a store, its lease has run out meanwhile: it shows ends when the lease is renewed.
        await settle()
        assert terminal_event(quick).type == "complete"
        left = terminal_event(slow)
        assert isinstance(left, Error)
        assert (left.code, left.retryable) == ("shutting_down", True)


async def test_the_rate_limit_says_exactly_when_to_retry() -> None:
    async with one_target(rate_limits=RateLimits(60, 2)) as harness:
        for _ in range(2):
            harness.start()
        with pytest.raises(Refused) as refused:
            harness.start()
        assert (refused.value.code, refused.value.retry_after_ms) == (Code.RATE_LIMIT, 1000)
        harness.start(principal="somebody else")
        harness.clock.advance(1)
        harness.start()
        with pytest.raises(Refused):
            harness.start()


async def test_output_tokens_are_counted_however_a_generation_ends() -> None:
    async with one_target(rate_limits=RateLimits(0, 1, output_tokens_per_minute=60)) as harness:
        generation = await harness.streaming()
        harness.upstream.last.send("x" * 4000)
        await settle()
        interrupt(harness, generation)
        await settle()
        used = generation.usage().output_tokens
        assert used is not None
        with pytest.raises(Refused) as refused:
            harness.start()
        assert refused.value.retry_after_ms == (used - 60 + 1) * 1000


async def test_the_conversation_is_not_kept_after_the_end() -> None:
    async with one_target() as harness:
        generation = await harness.streaming(start_request("a long prompt"))
        harness.upstream.last.finish()
        await settle()
        usage = generation.usage()
        assert usage.input_tokens
        assert "a long prompt" not in repr(generation)
        assert generation.log.text() == "Once upon "


async def test_an_interrupt_reports_whether_it_stopped_the_generation() -> None:
    async with one_target() as harness:
        alice, bob = Principal("alice", "key"), Principal("bob", "key")
        generation = harness.hub.start(start_request(), request_id="r", principal=alice)
        other = harness.hub.start(start_request(), request_id="r", principal=alice)
        await settle()

        def state() -> State:
            return generation.state

        def interrupt(generation_id: str, principal: Principal) -> bool:
            return harness.hub.interrupt(generation_id, InterruptRequest(), harness.clock.now(), principal).stopped

        for generation_id, principal in (
            (generation.id, bob),
            ("g_x", alice),
            (generation.id, alice.restricted_to(GenerationScope(generation.id))),
        ):
            with pytest.raises(Refused):
                interrupt(generation_id, principal)
        assert state() is State.WAITING
        assert interrupt(other.id, ANONYMOUS)
        assert interrupt(generation.id, alice)
        assert state() is State.STOPPING
        assert not interrupt(generation.id, alice)
        await settle()
        assert state() is State.INTERRUPTED
        assert not interrupt(generation.id, alice)


async def test_a_prompt_that_finds_no_memory_is_refused_and_does_not_count() -> None:
    async with one_target(rate_limits=RateLimits(60, 3), prompts=PromptMemory(1000)) as harness:
        first = harness.start(start_request("x" * 600))
        assert harness.hub.prompts.used == first.request_size > 600
        with pytest.raises(Refused) as refused:
            harness.start(start_request("x" * 600))
        assert refused.value.code == Code.QUEUE_FULL
        assert harness.hub.prompts.used == first.request_size
        interrupt(harness, first)
        await settle()
        assert harness.hub.prompts.used == 0
        harness.start(start_request("x" * 600))
        allowance = harness.hub.allowance(ANONYMOUS)
        assert allowance is not None
        assert allowance.remaining == 1


async def test_feedback_that_makes_the_prompt_longer_is_counted() -> None:
    async with one_target(prompts=PromptMemory(1000)) as harness:
        generation = await harness.streaming()
        before = generation.request_size
        give = FeedbackRequest(text="y" * 400)
        harness.hub.feedback(generation.id, give, harness.clock.now(), ANONYMOUS)
        assert harness.hub.prompts.used == generation.request_size > before + 400
        with pytest.raises(Refused) as refused:
            harness.hub.feedback(generation.id, give, harness.clock.now(), ANONYMOUS)
        assert refused.value.code == Code.QUEUE_FULL
        note = FeedbackRequest(text="y" * 400, mode="note")
        harness.hub.feedback(generation.id, note, harness.clock.now(), ANONYMOUS)


async def test_positions_in_a_long_queue_are_reported_together() -> None:
    async with one_target(slots=1) as harness:
        queued = [harness.start() for _ in range(100)][1:]
        await settle()
        for generation in queued[:40]:
            interrupt(harness, generation)
        await settle()
        assert [type(entry.event) for entry in queued[-1].log.since(1)] == [Queued]
        harness.clock.advance(POSITIONS_SECONDS)
        await settle()
        positions = [entry.event.position for entry in queued[-1].log.since(1) if isinstance(entry.event, Queued)]
        assert positions == [99, 59]


# What a model adds to starts.


def with_tool(name: str = "a") -> StartDefaults:
    return StartDefaults.of("Be brief.", {"seed": 1, "tools": [{"type": "function", "function": {"name": name}}]})


async def test_what_a_model_adds_is_asked_and_counted() -> None:
    async with one_target(prompts=PromptMemory(10_000)) as harness:
        plain = harness.start().request_size
        harness.hub.models.by_name["m"].defaults = with_tool()
        generation = harness.start(start_request(temperature=1))
        await settle()
        asked = harness.upstream.last.request
        assert [message.content for message in asked.messages] == ["Be brief.", "Hello"]
        assert asked.options["seed"] == asked.options["temperature"] == 1
        assert len(asked.options["tools"]) == 1  # type: ignore[arg-type]
        assert generation.request_size > plain + len("Be brief.")
        assert harness.hub.prompts.used == plain + generation.request_size


async def test_feedback_is_asked_with_what_the_model_adds() -> None:
    async with one_target() as harness:
        harness.hub.models.by_name["m"].defaults = with_tool()
        generation = await harness.streaming()
        # A reload meanwhile is for new generations.
        harness.hub.models.by_name["m"].defaults = StartDefaults()
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        asked = harness.upstream.last.request
        assert [message.content for message in asked.messages] == ["Be brief.", "Hello", "Once upon ", "shorter"]
        assert "tools" in asked.options


async def test_a_repeated_start_is_recognised_although_the_model_adds_something_else() -> None:
    async with one_target() as harness:
        harness.hub.models.by_name["m"].defaults = with_tool("a")
        first = harness.start(idempotency_key="k")
        harness.hub.models.by_name["m"].defaults = with_tool("b")
        assert harness.start(idempotency_key="k") is first


async def test_an_alias_is_asked_as_its_model() -> None:
    async with one_target() as harness:
        harness.hub.models.by_name["m"].defaults = with_tool()
        harness.hub.models.aliases["other"] = "m"
        harness.start(start_request().model_copy(update={"model": "other"}))
        await settle()
        assert harness.upstream.last.request.messages[0].content == "Be brief."


async def test_a_failure_names_the_message_as_the_client_has_sent_it() -> None:
    async with one_target() as harness:
        harness.hub.models.by_name["m"].defaults = with_tool()
        generation = harness.start()
        await settle()
        harness.upstream.last.fail(UnsupportedOption("messages[1].name: is not known.", "messages[1].name"))
        await settle()
        end = terminal_event(generation)
        assert isinstance(end, Error)
        assert (end.message, generation.failed_param) == ("messages[0].name: is not known.", "messages[0].name")
