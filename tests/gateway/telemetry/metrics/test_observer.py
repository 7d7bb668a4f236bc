"""What is counted of a generation: each end, refusal, interrupt, failover, race and feedback, exactly."""

import pytest

from gateway.admission.rate_limits import RateLimits
from gateway.billing.prices import Price
from gateway.generation.source import StartSource
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Usage
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.label_values import LabelValues
from gateway.telemetry.metrics.observer import MetricsObserver
from gateway.telemetry.metrics.registry import Registry
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import interrupt, one_target, to_queued
from tests.gateway.pipeline.two_targets import FAILOVER, RACE, start_and_break_off, start_race, two_targets
from tests.gateway.telemetry.metrics.counted import counted, counting, total
from tests.start_requests import ANONYMOUS, start_request


async def test_a_complete_generation() -> None:
    async with one_target() as harness:
        registry = counting(harness.hub)
        generation = harness.hub.start(
            start_request(), request_id="r", principal=ANONYMOUS, source=StartSource("sse", "native")
        )
        if harness.replica is not None:
            await harness.replica.add(generation)
        await settle()
        assert counted(registry, names.STARTED) == counted(registry, names.RUNNING) == {"sse native m": 1}
        assert counted(registry, names.ENDED) == {}
        harness.clock.advance(0.5)
        for text in ("Once ", "upon ", "a time"):
            harness.upstream.last.send(text)
            await settle()
            harness.clock.advance(0.25)
        harness.upstream.last.finish(usage=Usage(10, 4, "exact", 3, 2, 1))
        await settle()
        call = "chat scripted m m scripted"
        assert counted(registry, names.RUNNING) == {}
        assert counted(registry, names.ENDED) == {"sse native m scripted complete -": 1}
        assert counted(registry, names.DURATION) == {"sse native m scripted complete": 1}
        assert total(registry, names.DURATION) == 1.25
        assert (counted(registry, names.FIRST_TOKEN), total(registry, names.FIRST_TOKEN)) == (
            {"sse native m scripted": 1},
            0.5,
        )
        assert (counted(registry, names.QUEUE_WAIT), total(registry, names.QUEUE_WAIT)) == ({"m": 1}, 0)
        # There is no viewer.
        assert counted(registry, names.CHUNK_DELAY) == {}
        assert (counted(registry, names.CHUNK_GAP), total(registry, names.CHUNK_GAP)) == (
            {f"{call} sse native": 2},
            0.5,
        )
        assert counted(registry, names.CALL_DURATION) == {f"{call} -": 1}
        assert counted(registry, names.FIRST_CHUNK) == {call: 1}
        assert counted(registry, names.ATTEMPTS) == {"m scripted answered": 1}
        assert counted(registry, names.CONTENT_BYTES) == {"m scripted": 16}
        tokens = {
            names.INPUT_TOKENS: 10,
            names.OUTPUT_TOKENS: 4,
            names.CACHE_READ_TOKENS: 3,
            names.REASONING_TOKENS: 2,
            names.CACHE_WRITE_TOKENS: 1,
        }
        for metric, count in tokens.items():
            assert counted(registry, metric) == {f"{call} unknown": count}, metric.name
        assert counted(registry, names.UNPRICED) == {"m scripted": 1}
        for metric in (names.RETRIES, names.INTERRUPTS, names.REVISIONS, names.WASTED_TOKENS, names.COST):
            assert counted(registry, metric) == {}


async def test_a_model_that_is_configured_while_it_runs_is_counted_down_where_it_was_counted() -> None:
    configured = set[str]()
    async with one_target() as harness:
        registry = Registry(LabelValues(lambda label: configured if label == "model" else (), max_values=0))
        harness.hub.observers.add(MetricsObserver(registry))
        harness.hub.start(start_request(), request_id="r", principal=ANONYMOUS)
        await settle()
        configured.add("m")
        harness.upstream.last.finish()
        await settle()
        assert set(registry.snapshot().families[names.RUNNING.name].series.values()) == {0}


async def test_an_interrupt() -> None:
    async with one_target() as harness:
        registry = counting(harness.hub)
        generation = await harness.streaming()
        harness.clock.advance(1)
        interrupt(harness, generation)
        await settle()
        assert counted(registry, names.ENDED) == {"- native m scripted interrupted client": 1}
        assert counted(registry, names.INTERRUPTS) == {"m client": 1}
        assert counted(registry, names.INTERRUPT_DURATION) == {"client": 1}
        assert counted(registry, names.ATTEMPTS) == {"m scripted cancelled": 1}
        # It did not fail: the call has no error type.
        assert counted(registry, names.CALL_DURATION, "error_type") == {"-": 1}


async def test_tokens_that_were_written_after_an_interrupt_are_estimated() -> None:
    async with one_target() as harness:
        registry = counting(harness.hub)
        generation = await harness.streaming()
        for _ in range(9):
            harness.clock.advance(1)
            harness.upstream.last.send("12345678")
            await settle()
        # About two tokens a second; the connection is closed half a second after the interrupt.
        read_at = harness.clock.now()
        harness.clock.advance(0.5)
        harness.hub.interrupt(generation.id, InterruptRequest(reason="enough"), read_at, ANONYMOUS)
        await settle()
        (wasted,) = counted(registry, names.WASTED_TOKENS).items()
        assert wasted[0] == "m scripted cancel"
        assert wasted[1] == pytest.approx(1.2, abs=0.3)


async def test_a_failure() -> None:
    async with one_target() as harness:
        registry = counting(harness.hub)
        harness.start()
        await settle()
        harness.upstream.last.fail(Failed(Code.NETWORK_ERROR, "gone"))
        await settle()
        assert counted(registry, names.ENDED) == {"- native m scripted error network_error": 1}
        assert counted(registry, names.ATTEMPTS) == {"m scripted network_error": 1}
        assert counted(registry, names.CALL_DURATION, "error_type") == {"network_error": 1}
        assert counted(registry, names.FIRST_TOKEN) == {}


async def test_a_retry() -> None:
    async with one_target(attempts=2) as harness:
        registry = counting(harness.hub)
        harness.start()
        await settle()
        harness.upstream.last.fail(Failed(Code.SERVER_ERROR, "no"))
        await settle()
        assert counted(registry, names.RETRIES) == {"m scripted server_error": 1}
        harness.clock.advance(10)
        await settle()
        harness.upstream.last.send("text")
        harness.upstream.last.finish()
        await settle()
        assert counted(registry, names.ATTEMPTS) == {"m scripted server_error": 1, "m scripted answered": 1}
        assert counted(registry, names.ENDED) == {"- native m scripted complete -": 1}


async def test_a_wait_in_the_queue() -> None:
    async with one_target(slots=1, queue=1) as harness:
        registry = counting(harness.hub)
        queued = await to_queued(harness)
        assert counted(registry, names.RUNNING) == {"- native m": 2}
        harness.clock.advance(31)
        await settle()
        assert queued.end is not None
        assert counted(registry, names.ENDED) == {"- native m - error queue_timeout": 1}
        assert total(registry, names.QUEUE_WAIT) == 31
        assert counted(registry, names.RUNNING) == {"- native m": 1}


async def test_refusals() -> None:
    async with one_target(rate_limits=RateLimits(1, 1)) as harness:
        registry = counting(harness.hub)
        unknown = StartRequest.model_validate({"messages": [{"role": "user", "content": "x"}], "model": "gpt-9"})
        for request in (unknown, start_request(), start_request()):
            try:
                harness.hub.start(request, request_id="r", principal=ANONYMOUS, source=StartSource("websocket"))
            except Refused:
                continue
        assert counted(registry, names.REFUSED) == {
            "websocket native model_not_found": 1,
            "websocket native rate_limit": 1,
        }
        assert counted(registry, names.STARTED) == {"websocket native m": 1}


@pytest.mark.parametrize("mode", ["revise", "note", "stop"])
async def test_feedback(mode: str) -> None:
    async with one_target() as harness:
        registry = counting(harness.hub)
        generation = await harness.streaming()
        request = FeedbackRequest.model_validate({"text": "shorter", "mode": mode})
        harness.hub.feedback(generation.id, request, harness.clock.now(), ANONYMOUS)
        await settle()
        assert counted(registry, names.FEEDBACK) == {mode: 1}
        if mode == "stop":
            assert counted(registry, names.INTERRUPTS) == {"m feedback": 1}
            return
        harness.upstream.last.send("short")
        harness.upstream.last.finish()
        await settle()
        assert counted(registry, names.REVISIONS) == ({"m feedback": 1} if mode == "revise" else {})
        # The first text was paid, and is in no answer: its 10 bytes are about 3 tokens.
        wasted = {"m scripted replaced": 3} if mode == "revise" else {}
        assert counted(registry, names.WASTED_TOKENS) == wasted


async def test_a_failover_that_continues_wastes_nothing() -> None:
    async with two_targets(FAILOVER) as harness:
        registry = counting(harness.hub)
        await start_and_break_off(harness, native=True)
        await harness.accept(harness.b)
        await harness.send(harness.b, " a time")
        await harness.finish(harness.b)
        assert counted(registry, names.RETRIES) == {"m a truncated": 1}
        assert counted(registry, names.ATTEMPTS) == {"m a truncated": 1, "m b answered": 1}
        assert counted(registry, names.REVISIONS) == counted(registry, names.WASTED_TOKENS) == {}
        assert counted(registry, names.ENDED) == {"- native m b complete -": 1}


async def test_a_failover_that_begins_again() -> None:
    async with two_targets(FAILOVER) as harness:
        registry = counting(harness.hub)
        await start_and_break_off(harness, native=False)
        await harness.accept(harness.b)
        await harness.send(harness.b, "There was")
        await harness.finish(harness.b)
        assert counted(registry, names.REVISIONS) == {"m failover": 1}
        assert counted(registry, names.WASTED_TOKENS, "provider", "reason") == {"a replaced": 3}


async def test_a_race() -> None:
    async with two_targets(RACE, price=Price(0, 0, 1e6)) as harness:
        registry = counting(harness.hub)
        await start_race(harness)
        await harness.accept(harness.b)
        await harness.send(harness.b, "Hello")
        await harness.finish(harness.b, Usage(3, 4, "exact"))
        assert counted(registry, names.ATTEMPTS) == {"m a lost": 1, "m b answered": 1}
        assert counted(registry, names.COST) == {"m b": 4}
        assert {*registry._histograms[names.CHUNK_DELAY]} == {("", "native", "m", "b")}


async def test_a_generation_that_was_not_started_here_is_not_counted_as_running() -> None:
    async with one_target() as harness:
        registry = Registry()
        generation = await harness.streaming()
        harness.hub.observers.add(MetricsObserver(registry))
        interrupt(harness, generation)
        await settle()
        assert counted(registry, names.RUNNING) == {}
        assert counted(registry, names.ENDED) == {"- native m scripted interrupted client": 1}


async def test_one_that_another_gateway_takes_over_runs_here_no_longer() -> None:
    async with one_target() as harness:
        registry = counting(harness.hub)
        observer = MetricsObserver(registry)
        generation = await harness.streaming()
        observer.on_start(generation, ANONYMOUS)
        assert counted(registry, names.RUNNING) == {"- native m": 2}
        observer.on_surrendered(generation)
        assert counted(registry, names.RUNNING) == {"- native m": 1}


async def test_a_call_that_the_budget_does_not_allow_is_not_counted() -> None:
    async with two_targets(price=Price(1e6, 1e6, 1e6), budget=0.5) as harness:
        registry = counting(harness.hub)
        generation = await harness.start()
        assert isinstance(generation.end, Error)
        assert generation.attempts[0].refused
        assert counted(registry, names.ENDED, "code") == {"budget_exceeded": 1}
        for metric in (names.ATTEMPTS, names.CALL_DURATION, names.INPUT_TOKENS, names.COST):
            assert counted(registry, metric) == {}
