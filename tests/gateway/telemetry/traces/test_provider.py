"""Spans arrive at a real receiver, and one that can't be reached holds up nothing."""

import logging

import pytest

from gateway.clock import SystemClock
from gateway.telemetry.traces.provider import Tracing
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import one_target
from tests.otlp_receiver import otlp_receiver


async def answer(tracing: Tracing) -> None:
    async with one_target() as harness:
        harness.hub.observers.add(tracing.observer)
        await harness.streaming()
        harness.upstream.last.finish()
        await settle()


async def test_the_end_sends_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    async with otlp_receiver() as receiver:
        tracing = Tracing(f"{receiver.url}/v1/traces", SystemClock())
        await answer(tracing)
        await tracing.close()
        assert [span.name for span in receiver.spans] == ["chat m", "generate m"]
        resource = receiver.spans[0].resource
        assert (resource["service.name"], resource["deployment.environment.name"]) == ("dualstream", "test")
        assert resource["service.version"]
        assert receiver.headers[0]["authorization"] == "Bearer x"
        assert receiver.headers[0]["content-type"] == "application/x-protobuf"


async def test_the_name_of_the_service_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "chat-gateway")
    async with otlp_receiver() as receiver:
        tracing = Tracing(f"{receiver.url}/v1/traces", SystemClock())
        await answer(tracing)
        await tracing.close()
        assert receiver.spans[0].resource["service.name"] == "chat-gateway"


async def test_a_sampler_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    async with otlp_receiver() as receiver:
        tracing = Tracing(f"{receiver.url}/v1/traces", SystemClock())
        await answer(tracing)
        await tracing.close()
        assert not receiver.spans


async def test_a_collector_that_can_not_be_reached_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    tracing = Tracing("http://user:hush@127.0.0.1:1/v1/traces?token=hush", SystemClock())
    await answer(tracing)
    await tracing.close(0.01)
    tracing._provider.shutdown()
    messages = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert all(message.startswith("traces can't be sent to http://127.0.0.1:1/v1/traces,") for message in messages)
    assert len(messages) <= 1
    assert "hush" not in caplog.text
