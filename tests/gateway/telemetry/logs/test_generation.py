"""The line of each generation: all its facts as fields and as text."""

from dataclasses import replace

from gateway.generation.source import StartSource
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from gateway.telemetry.logs.generation import MAX_CONTENT, cut, generation_fields, unusual
from gateway.telemetry.summary import GenerationSummary
from gateway.telemetry.trace_id import trace_id_of
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import OneTarget, one_target
from tests.gateway.telemetry.recording_observer import RecordingObserver
from tests.start_requests import ANONYMOUS, start_request


async def ended(harness: OneTarget, failure: Failed | None = None) -> GenerationSummary:
    observer = RecordingObserver()
    harness.hub.observers.add(observer)
    source = StartSource("sse", "native")
    generation = harness.hub.start(start_request(), request_id="r 1", principal=ANONYMOUS, source=source)
    await settle()
    harness.hub.add_viewer(generation.id, "sse")
    harness.hub.add_viewer(generation.id, "websocket", resumed=True)
    harness.clock.advance(0.25)
    if failure is None:
        harness.upstream.last.send("text")
        await settle()
        harness.clock.advance(1)
        harness.upstream.last.finish(usage=Usage(10, 20, "exact", 4))
    else:
        harness.upstream.last.fail(failure)
    await settle()
    (summary,) = observer.ended
    return summary


async def test_the_line_has_all_facts() -> None:
    async with one_target() as harness:
        summary = await ended(harness)
        assert generation_fields(summary) == {
            "event": "generation_ended",
            "end": "complete",
            "code": None,
            "reason": None,
            "finish_reason": "stop",
            "interrupted_by": None,
            "cancel_ms": None,
            "generation": summary.id,
            "request": "r 1",
            "principal": ANONYMOUS.id,
            "transport": "sse",
            "dialect": "native",
            "model": "m",
            "provider": "scripted",
            "upstream_model": summary.upstream_model,
            "attempts": 1,
            "attempt_ends": ["scripted: answered"],
            "failovers": 0,
            "revisions": 1,
            "ttft_ms": 250,
            "duration_ms": 1250,
            "queue_ms": 0,
            "input_tokens": 10,
            "cached_input_tokens": 4,
            "output_tokens": 20,
            "usage_source": "exact",
            "cost_usd": summary.cost_usd,
            "viewers": 2,
            "resumes": 1,
            "trace": None,
        }


async def test_a_message_that_may_quote_the_prompt_is_content() -> None:
    for code, is_logged in ((Code.INVALID_REQUEST, False), (Code.CONTENT_FILTER, False), (Code.NETWORK_ERROR, True)):
        async with one_target(attempts=1) as harness:
            summary = await ended(harness, Failed(code, "The provider says why.", retryable=False))
            assert (generation_fields(summary)["code"], summary.end) == (code, "error")
            assert (generation_fields(summary)["reason"] is not None) == is_logged
            assert generation_fields(summary, with_content=True)["reason"] == "The provider says why."


def test_long_content_is_cut() -> None:
    assert cut("x" * MAX_CONTENT) == "x" * MAX_CONTENT
    assert cut("x" * (MAX_CONTENT + 1)).endswith(f"x… ({MAX_CONTENT + 1} characters)")


async def test_the_trace_is_that_of_the_client_or_our_own() -> None:
    async with one_target() as harness:
        summary = await ended(harness)
        sent = replace(summary, source=StartSource("sse", "native", f"00-{1:032x}-{2:016x}-01"))
        assert generation_fields(sent)["trace"] == f"{1:032x}"
        assert generation_fields(sent, is_traced=True)["trace"] == f"{1:032x}"
        assert generation_fields(summary, is_traced=True)["trace"] == f"{trace_id_of(summary.id):032x}"


async def test_people_read_only_what_is_unusual() -> None:
    async with one_target() as harness:
        fields = generation_fields(await ended(harness))
        usual = {"attempts", "attempt_ends", "failovers", "revisions", "dialect", "usage_source", "event"}
        assert fields.keys() - unusual(fields).keys() == usual | ({"upstream_model"} & {*fields})
        failed = {**fields, "attempts": 2, "resumes": 1, "dialect": "anthropic", "upstream_model": "m-2"}
        assert unusual(failed).keys() >= {"attempts", "attempt_ends", "resumes", "dialect", "upstream_model"}
