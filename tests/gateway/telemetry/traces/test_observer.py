"""The spans of generations and calls: who is below whom, what they tell, and what they do not."""

import json

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from gateway.generation.source import StartSource
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from gateway.replicas.policy import ReplicaPolicy
from gateway.telemetry.trace_id import trace_id_of
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import OneTarget, interrupt, one_target
from tests.gateway.pipeline.two_targets import FAILOVER, RACE, start_and_break_off, start_race, two_targets
from tests.gateway.replicas.deployment import deployment
from tests.gateway.telemetry.traces.recorded import Recorded, attributes, events, recorded
from tests.start_requests import ANONYMOUS, start_request

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = StartSource("sse", "native", f"00-{TRACE}-{PARENT}-01", "vendor=x")
UNSAMPLED = StartSource("sse", "native", f"00-{TRACE}-{PARENT}-00")


def observed(harness: OneTarget, *, trace_content: bool = False) -> Recorded:
    made = recorded(harness.clock, trace_content=trace_content)
    harness.hub.observers.add(made.observer)
    return made


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert span.parent is not None
    assert parent.context is not None
    return bool(span.parent.span_id == parent.context.span_id)


async def answer(harness: OneTarget, source: StartSource = SAMPLED) -> None:
    harness.hub.start(
        start_request("a secret", temperature=0.5, max_tokens=9), request_id="r1", principal=ANONYMOUS, source=source
    )
    await settle()
    harness.clock.advance(1)
    harness.upstream.last.send("the reply")
    await settle()
    harness.clock.advance(2)
    harness.upstream.last.finish(usage=Usage(10, 20, "exact", 4))
    await settle()


async def test_a_generation_joins_the_trace_of_its_client_and_its_provider_joins_it() -> None:
    async with one_target() as harness:
        made = observed(harness)
        await answer(harness)
        call, generation = made.spans
        assert (generation.name, generation.kind) == ("generate m", SpanKind.SERVER)
        assert (call.name, call.kind) == ("chat m", SpanKind.CLIENT)
        assert {trace_of(call), trace_of(generation)} == {TRACE}
        assert generation.parent is not None
        assert f"{generation.parent.span_id:016x}" == PARENT
        assert is_child(call, generation)
        headers = harness.upstream.last.request.trace_headers
        assert call.context is not None
        assert headers["traceparent"].startswith(f"00-{TRACE}-{call.context.span_id:016x}-01")
        assert headers["tracestate"] == "vendor=x"


async def test_tokens_are_told_by_the_call_alone() -> None:
    async with one_target() as harness:
        made = observed(harness)
        await answer(harness)
        call, generation = map(attributes, made.spans)
        assert call["gen_ai.operation.name"] == "chat"
        assert call["gen_ai.provider.name"] == "scripted"
        assert (call["gen_ai.request.temperature"], call["gen_ai.request.max_tokens"]) == (0.5, 9)
        assert (call["gen_ai.usage.input_tokens"], call["gen_ai.usage.output_tokens"]) == (10, 20)
        assert call["gen_ai.usage.cache_read.input_tokens"] == 4
        assert call["gen_ai.response.finish_reasons"] == ("stop",)
        assert call["gen_ai.response.time_to_first_chunk"] == 1
        assert not [name for name in generation if name.startswith("gen_ai.usage")]
        assert (generation["dualstream.usage.input_tokens"], generation["dualstream.usage.output_tokens"]) == (10, 20)
        assert (generation["dualstream.end"], generation["dualstream.request.id"]) == ("complete", "r1")


async def test_the_first_token_has_its_time() -> None:
    async with one_target() as harness:
        made = observed(harness)
        begin = harness.clock.unix()
        await answer(harness)
        for span in made.spans:
            (event,) = span.events
            assert (event.name, event.timestamp) == ("dualstream.first_token", round((begin + 1) * 1e9))


async def test_no_content_is_told_unless_that_is_switched_on() -> None:
    for trace_content in (False, True):
        async with one_target() as harness:
            made = observed(harness, trace_content=trace_content)
            await answer(harness)
            shown = "".join(span.to_json() for span in made.spans)
            assert ("a secret" in shown, "the reply" in shown) == (trace_content, trace_content)
    call = attributes(made.spans[0])
    assert json.loads(str(call["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "the reply"}], "finish_reason": "stop"}
    ]


async def test_a_call_that_brought_nothing_has_no_answer_of_another_one() -> None:
    async with two_targets(RACE) as harness:
        made = recorded(harness.clock, trace_content=True)
        harness.hub.observers.add(made.observer)
        await start_race(harness)
        await harness.accept(harness.b)
        await harness.send(harness.b, "the reply")
        await harness.finish(harness.b)
        texts = {
            str(call["gen_ai.provider.name"]): "the reply" in str(call.get("gen_ai.output.messages"))
            for call in map(attributes, made.named("chat"))
        }
        assert texts == {"a": False, "b": True}


async def test_a_client_that_does_not_sample_is_not_traced_and_its_flag_is_passed_on() -> None:
    async with one_target() as harness:
        made = observed(harness)
        await answer(harness, UNSAMPLED)
        assert not made.spans
        assert not made.observer._traces
        traceparent = harness.upstream.last.request.trace_headers["traceparent"]
        assert traceparent.startswith(f"00-{TRACE}-")
        assert traceparent.endswith("-00")


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01"])
async def test_without_a_trace_of_the_client_the_id_is_made_of_that_of_the_generation(traceparent: str) -> None:
    async with one_target() as harness:
        made = observed(harness)
        await answer(harness, StartSource("sse", "native", traceparent, "a=b"))
        call, generation = made.spans
        assert generation.parent is None
        id_of_generation = str(attributes(generation)["dualstream.generation.id"])
        assert trace_of(generation) == trace_of(call) == f"{trace_id_of(id_of_generation):032x}"


async def test_an_interrupt_is_an_event_at_its_time() -> None:
    async with one_target() as harness:
        made = observed(harness)
        interrupt(harness, await harness.streaming())
        await settle()
        call, generation = made.spans
        assert events(generation)[-1] == (
            "dualstream.interrupt",
            {"dualstream.interrupted_by": "client", "dualstream.cancel_ms": 0.0},
        )
        assert attributes(call)["dualstream.attempt.end"] == "cancelled"
        assert {span.status.status_code for span in made.spans} == {StatusCode.UNSET}


async def test_feedback_begins_a_revision() -> None:
    async with one_target() as harness:
        made = observed(harness)
        generation = await harness.streaming()
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        harness.upstream.last.send("short")
        harness.upstream.last.finish()
        await settle()
        assert [attributes(span)["dualstream.attempt.revision"] for span in made.named("chat")] == [1, 2]
        (whole,) = made.named("generate")
        assert ("dualstream.revision", {"dualstream.revision": 2}) in events(whole)
        assert attributes(whole)["dualstream.revisions"] == 2


async def test_a_failover_is_an_event_and_the_call_that_failed_an_error() -> None:
    async with two_targets(FAILOVER) as harness:
        made = recorded(harness.clock)
        harness.hub.observers.add(made.observer)
        await start_and_break_off(harness, native=True)
        await harness.accept(harness.b)
        await harness.send(harness.b, "a time")
        await harness.finish(harness.b)
        failed, answered, whole = made.spans
        assert (attributes(failed)["gen_ai.provider.name"], attributes(failed)["error.type"]) == ("a", "truncated")
        assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "truncated")
        assert attributes(answered)["dualstream.attempt.continues"] is True
        assert is_child(failed, whole)
        assert is_child(answered, whole)
        assert events(whole)[0] == (
            "dualstream.retry",
            {"error.type": "truncated", "dualstream.failed": "a", "dualstream.following": "b"},
        )
        assert whole.status.status_code is StatusCode.UNSET


async def test_both_calls_of_a_hedge_have_a_span() -> None:
    async with two_targets(RACE) as harness:
        made = recorded(harness.clock)
        harness.hub.observers.add(made.observer)
        await start_race(harness)
        await harness.accept(harness.b)
        await harness.send(harness.b, "x")
        await harness.finish(harness.b)
        ends = {attributes(span)["gen_ai.provider.name"]: attributes(span) for span in made.named("chat")}
        assert {name: end["dualstream.attempt.end"] for name, end in ends.items()} == {"a": "lost", "b": "answered"}
        assert "error.type" not in ends["a"]


async def test_an_error_has_its_code_and_not_its_message() -> None:
    async with one_target(attempts=1) as harness:
        made = observed(harness)
        harness.start()
        await settle()
        harness.upstream.last.fail(Failed(Code.INVALID_REQUEST, "The provider quotes the prompt.", retryable=False))
        await settle()
        (whole,) = made.named("generate")
        assert (whole.status.status_code, whole.status.description) == (StatusCode.ERROR, "invalid_request")
        assert "quotes" not in whole.to_json()


async def test_viewers_and_resumes_have_no_spans() -> None:
    async with one_target() as harness:
        made = observed(harness)
        generation = await harness.streaming()
        for _ in range(3):
            harness.hub.add_viewer(generation.id, "sse", resumed=True)
        harness.upstream.last.finish()
        await settle()
        harness.hub.add_viewer(generation.id, "websocket", resumed=True)
        assert len(made.spans) == 2
        (whole,) = made.named("generate")
        assert (attributes(whole)["dualstream.viewers"], attributes(whole)["dualstream.resumes"]) == (3, 3)


async def test_what_another_gateway_takes_over_ends_here_and_is_forgotten() -> None:
    async with one_target() as harness:
        made = observed(harness)
        generation = await harness.streaming()
        made.observer.on_surrendered(generation)
        call, whole = made.spans
        assert attributes(whole)["dualstream.end"] == "surrendered"
        assert "gen_ai.usage.output_tokens" not in attributes(call)
        harness.upstream.last.finish()
        await settle()
        assert len(made.spans) == 2


async def test_what_has_started_before_is_not_traced() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        made = observed(harness)
        made.observer.on_retry(generation, Failed(Code.TIMEOUT, "late"), "a", "b")
        assert made.observer.on_attempt(generation, generation.attempts[0]) == {}
        harness.upstream.last.finish()
        await settle()
        assert not made.spans


@pytest.mark.parametrize("source", [SAMPLED, StartSource("sse")], ids=["of the client", "of the gateway"])
async def test_a_generation_that_another_gateway_continues_stays_in_its_trace(source: StartSource) -> None:
    async with deployment(policy=ReplicaPolicy(on_owner_lost="continue")) as shared:
        first, second = shared.gateways
        made = [recorded(gateway.clock) for gateway in shared.gateways]
        for gateway, observers in zip(shared.gateways, made, strict=True):
            gateway.hub.observers.add(observers.observer)
        generation = await first.generations.start(start_request(), request_id="r", principal=ANONYMOUS, source=source)
        await settle()
        first.send("lost ")
        await shared.advance(1)
        first.kill()
        await shared.advance(20)
        second.send("whole")
        await settle()
        second.upstream.last.finish()
        await settle()
        (continued,) = made[1].named("generate")
        expected = TRACE if source is SAMPLED else f"{trace_id_of(generation.id):032x}"
        assert trace_of(continued) == expected
        assert f"00-{expected}-" in first.upstream.last.request.trace_headers["traceparent"]
        assert f"00-{expected}-" in second.upstream.last.request.trace_headers["traceparent"]
