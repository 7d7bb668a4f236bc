"""The log of generations: one line at each end, and warnings that are not repeated for each of them."""

import logging

import pytest

from gateway.generation.source import StartSource
from gateway.log_throttle import INTERVAL
from gateway.protocol.errors import Code, Failed, Refused
from gateway.routing.model import Policy
from gateway.telemetry.logs.format import ConsoleFormatter
from gateway.telemetry.logs.observer import LogObserver
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import OneTarget, interrupt, one_target
from tests.gateway.pipeline.two_targets import DOLLAR_PER_TOKEN, two_targets
from tests.manual_clock import ManualClock
from tests.start_requests import ANONYMOUS, start_request

UNREACHABLE = Failed(Code.NETWORK_ERROR, "The provider can't be reached.")


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def observed(harness: OneTarget, *, log_content: bool = False) -> LogObserver:
    observer = LogObserver(harness.clock, log_content=log_content)
    harness.hub.observers.add(observer)
    return observer


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of this logger in the console form, without their time."""
    records = [record for record in caplog.records if record.name == "gateway.generations"]
    return [ConsoleFormatter().format(record).partition("gateway.generations: ")[2] for record in records]


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the level and the event of each line of this logger."""
    records = [record for record in caplog.records if record.name == "gateway.generations"]
    return [(record.levelname, vars(record)["event"]) for record in records]


async def test_each_generation_has_one_line_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    async with one_target() as harness:
        observer = observed(harness)
        generation = await harness.streaming(start_request("a secret"))
        harness.upstream.last.send("the reply")
        harness.upstream.last.finish()
        await settle()
        assert logged(caplog) == [("INFO", "generation_ended")]
        assert lines(caplog)[0].startswith("generation ended: end=complete finish_reason=stop model=m provider=")
        assert lines(caplog)[0].endswith(f"generation={generation.id} request=r")
        for content in ("secret", "reply", "Once upon"):
            assert content not in str(vars(caplog.records[0]))
        assert not observer._contents


async def test_an_interrupt_says_who_and_how_fast_and_not_the_reason_of_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with one_target() as harness:
        observed(harness)
        interrupt(harness, await harness.streaming())
        await settle()
        assert lines(caplog)[0].startswith(
            "generation ended: end=interrupted interrupted_by=client cancel_ms=0 model=m"
        )


async def test_content_is_logged_if_that_is_switched_on(caplog: pytest.LogCaptureFixture) -> None:
    async with one_target() as harness:
        observer = observed(harness, log_content=True)
        await harness.streaming(start_request("a secret"))
        harness.upstream.last.finish()
        await settle()
        (record,) = [record for record in caplog.records if record.name == "gateway.generations"]
        assert "a secret" in vars(record)["prompt"]
        assert vars(record)["text"] == "Once upon "
        assert ' text="Once upon "' in lines(caplog)[-1]
        assert not observer._contents


async def test_content_of_what_is_taken_over_is_forgotten() -> None:
    async with one_target() as harness:
        observer = observed(harness, log_content=True)
        generation = await harness.streaming()
        observer.on_surrendered(generation)
        assert not observer._contents


async def test_a_failover_is_a_warning_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async with two_targets(Policy(failover=True)) as harness:
        harness.hub.observers.add(LogObserver(harness.clock))
        for _ in range(3):
            await harness.start()
            await harness.refuse(harness.a, UNREACHABLE)
            await harness.accept(harness.b)
            await harness.send(harness.b, "x")
            await harness.finish(harness.b)
        assert [line for line in logged(caplog) if line[0] != "INFO"] == [("WARNING", "failover")]
        (message,) = [message for message in caplog.messages if "takes over" in message]
        assert message.startswith("a failed with network_error, b takes over, first for generation g_")
        assert logged(caplog).count(("INFO", "generation_ended")) == 3
        assert 'attempt_ends="a: network_error, b: answered"' in lines(caplog)[-1]


async def test_a_retry_at_the_same_provider_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with one_target(attempts=2) as harness:
        observed(harness)
        harness.start()
        await settle()
        harness.upstream.last.fail(UNREACHABLE)
        await settle()
        harness.clock.advance(10)
        await settle()
        harness.upstream.last.finish()
        await settle()
        assert {level for level, _ in logged(caplog)} == {"INFO"}


async def test_a_spent_budget_is_a_warning_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async with two_targets(price=DOLLAR_PER_TOKEN, budget=5) as harness:
        harness.hub.observers.add(LogObserver(harness.clock))
        await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "x" * 400)
        with pytest.raises(Refused):
            await harness.start()
        assert [event for level, event in logged(caplog) if level == "WARNING"] == ["budget_spent"]
        assert any(" has spent its budget: The budget of 5 US dollars" in message for message in caplog.messages)


async def test_steps_are_logged_at_level_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gateway.generations")
    async with one_target(attempts=2) as harness:
        observer = observed(harness)
        generation = harness.start()
        await settle()
        harness.upstream.last.fail(UNREACHABLE)
        await settle()
        harness.clock.advance(10)
        await settle()
        harness.hub.add_viewer(generation.id, "sse")
        harness.hub.remove_viewer(generation.id, "sse")
        observer.on_surrendered(generation)
        harness.upstream.last.finish()
        await settle()
        assert [event for _, event in logged(caplog)] == [
            *("generation_started", "attempt_started", "attempt_ended", "retry", "attempt_started"),
            *("viewer_came", "viewer_left", "generation_surrendered", "attempt_ended", "generation_ended"),
        ]


def test_refused_starts_have_one_line_for_each_code_and_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    observer, source = LogObserver(clock), StartSource("sse")
    for _ in range(10_000):
        observer.on_refused(Refused(Code.RATE_LIMIT, "Too many."), ANONYMOUS, source)
        observer.on_refused(Refused(Code.QUEUE_FULL, "Full."), ANONYMOUS, source)
    clock.advance(INTERVAL)
    observer.on_refused(Refused(Code.RATE_LIMIT, "Too many."), ANONYMOUS, source)
    records = [(record.levelname, vars(record)["code"], vars(record)["count"]) for record in caplog.records]
    assert records == [("INFO", "rate_limit", 1), ("WARNING", "queue_full", 1), ("INFO", "rate_limit", 10_000)]
