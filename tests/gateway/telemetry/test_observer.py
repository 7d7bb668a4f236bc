"""What observers are told of generations."""

import asyncio

import pytest

from gateway.generation.source import StartSource
from gateway.protocol.commands import StartRequest
from gateway.protocol.errors import Code, Failed, Refused
from gateway.telemetry.observer import Observers
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import OneTarget, interrupt, one_target
from tests.gateway.telemetry.recording_observer import RecordingObserver
from tests.start_requests import ANONYMOUS, start_request


def observed(harness: OneTarget) -> RecordingObserver:
    observer = RecordingObserver()
    harness.hub.observers.add(observer)
    return observer


async def test_a_complete_generation_is_observed_from_start_to_end() -> None:
    async with one_target() as harness:
        observer = observed(harness)
        await harness.streaming()
        harness.upstream.last.finish()
        await settle()
        assert observer.calls == ["start m", "attempt 1 scripted", "attempt 1 answered", "end complete"]


async def test_a_retry_tells_the_failure_and_who_is_asked_next() -> None:
    async with one_target(attempts=2) as harness:
        observer = observed(harness)
        harness.start()
        await settle()
        harness.upstream.last.fail(Failed(Code.NETWORK_ERROR, "gone"))
        await settle()
        harness.clock.advance(10)
        await settle()
        harness.upstream.last.send("text")
        harness.upstream.last.finish()
        await settle()
        assert observer.calls == [
            "start m",
            "attempt 1 scripted",
            "attempt 1 network_error",
            "scripted failed with network_error: scripted follows",
            "attempt 2 scripted",
            "attempt 2 answered",
            "end complete",
        ]


async def test_the_headers_of_observers_are_those_of_the_request() -> None:
    async with one_target() as harness:
        for name in ("a", "b"):
            observer = observed(harness)
            observer.headers = {name: "1"}
        await harness.streaming()
        assert harness.upstream.last.request.trace_headers == {"a": "1", "b": "1"}


async def test_a_refused_start_is_observed_with_its_source() -> None:
    async with one_target() as harness:
        observer = observed(harness)
        request = StartRequest.model_validate({"messages": [{"role": "user", "content": "x"}], "model": "gpt-9"})
        with pytest.raises(Refused):
            harness.hub.start(request, request_id="r", principal=ANONYMOUS, source=StartSource("sse"))
        assert observer.calls == ["refused model_not_found sse"]


async def test_viewers_are_counted_by_transport_unless_they_are_no_clients() -> None:
    async with one_target() as harness:
        observer = observed(harness)
        generation = await harness.streaming()
        hub = harness.hub
        hub.add_viewer(generation.id, "sse")
        hub.add_viewer(generation.id, "websocket", resumed=True)
        hub.add_viewer(generation.id)
        hub.remove_viewer(generation.id)
        hub.remove_viewer(generation.id, "sse")
        harness.upstream.last.finish()
        await settle()
        assert observer.calls[2:5] == ["viewer sse", "viewer websocket resumed", "viewer left sse"]
        assert observer.ended[0].views == {"sse": 1, "websocket": 1}
        assert observer.ended[0].resumes == 1


async def test_a_generation_whose_task_never_ran_ends_once() -> None:
    async with one_target() as harness:
        observer = observed(harness)
        harness.start()
        await harness.hub.close()
        await asyncio.sleep(0)
        assert observer.calls == ["start m", "end error"]
        assert observer.ended[0].code == "shutting_down"


async def test_an_interrupt_ends_the_attempt_and_the_generation() -> None:
    async with one_target() as harness:
        observer = observed(harness)
        generation = await harness.streaming()
        harness.clock.advance(2)
        interrupt(harness, generation)
        await settle()
        assert observer.calls[-2:] == ["attempt 1 cancelled", "end interrupted"]
        [summary] = observer.ended
        assert (summary.interrupted_by, summary.code) == ("client", None)


def test_observers_may_be_none() -> None:
    observers = Observers()
    observers.on_viewer("g", "sse", resumed=False)
    observers.on_refused(Refused(Code.QUEUE_FULL, "full"), ANONYMOUS, StartSource())
    assert start_request().messages
