"""The summary of a generation that has ended."""

from dataclasses import replace

from gateway.generation.source import StartSource
from gateway.generation.state import State
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import interrupt, one_target
from tests.gateway.telemetry.recording_observer import RecordingObserver
from tests.start_requests import ANONYMOUS, start_request

SOURCE = StartSource("websocket", "native", "00-1-2-01")


async def test_a_summary_has_the_times_of_each_attempt() -> None:
    async with one_target() as harness:
        observer = RecordingObserver()
        harness.hub.observers.add(observer)
        accepted = harness.clock.unix()
        harness.hub.start(start_request(), request_id="r1", principal=ANONYMOUS, source=SOURCE)
        await settle()
        harness.clock.advance(1)
        harness.upstream.last.send("text")
        await settle()
        harness.clock.advance(2)
        harness.upstream.last.finish(usage=Usage(10, 20, "exact", 4))
        await settle()
        [summary] = observer.ended
        assert (summary.request_id, summary.principal, summary.source) == ("r1", ANONYMOUS.id, SOURCE)
        assert (summary.end, summary.finish_reason, summary.code) == (State.COMPLETE, "stop", None)
        assert (summary.accepted_at, summary.first_content_at) == (accepted, accepted + 1)
        assert summary.ended_at == accepted + 3
        assert summary.usage == Usage(10, 20, "exact", 4)
        [attempt] = summary.attempts
        assert (attempt.start_ms, attempt.open_ms, attempt.first_content_ms, attempt.duration_ms) == (0, 0, 1000, 3000)
        assert (attempt.ended, attempt.opened, attempt.text_bytes) == ("answered", True, 4)


async def test_a_summary_of_an_error_has_its_code_and_message() -> None:
    async with one_target() as harness:
        observer = RecordingObserver()
        harness.hub.observers.add(observer)
        harness.start()
        await settle()
        harness.upstream.last.fail(Failed(Code.CONTENT_FILTER, "no", retryable=False))
        await settle()
        [summary] = observer.ended
        assert (summary.end, summary.code, summary.message) == (State.ERROR, "content_filter", "no")
        [attempt] = summary.attempts
        assert attempt.first_content_ms is None
        assert attempt.ended == "content_filter"


async def test_a_summary_of_an_interrupt_has_who_and_why() -> None:
    async with one_target() as harness:
        observer = RecordingObserver()
        harness.hub.observers.add(observer)
        interrupt(harness, await harness.streaming())
        await settle()
        [summary] = observer.ended
        assert (summary.interrupted_by, summary.end) == ("client", State.INTERRUPTED)
        assert summary.cancel_ms == 0
        assert replace(summary, views={}) == summary


async def test_a_summary_has_the_vendor_of_the_provider() -> None:
    async with one_target() as harness:
        observer = RecordingObserver()
        harness.hub.observers.add(observer)
        harness.target.vendor = "gemini"
        await harness.streaming()
        harness.upstream.last.finish()
        await settle()
        [summary] = observer.ended
        assert (summary.vendor, summary.attempts[0].vendor) == ("gemini", "gemini")
