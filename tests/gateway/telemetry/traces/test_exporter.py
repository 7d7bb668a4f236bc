"""A collector that can't be reached is logged once, and so is its return."""

import logging
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from gateway.telemetry.traces.exporter import LIBRARY_LOGGER, ReasonFilter, ReportingExporter

SPAN = ReadableSpan("a")


class Collector(SpanExporter):
    def __init__(self) -> None:
        self.is_up = False
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.is_up:
            return SpanExportResult.SUCCESS
        logging.getLogger(LIBRARY_LOGGER).warning("Connection refused")
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.shutdowns += 1


@pytest.fixture(name="collector")
def a_collector() -> Collector:
    return Collector()


@pytest.fixture(name="exporter")
def an_exporter(collector: Collector) -> Iterator[ReportingExporter]:
    exporter = ReportingExporter(collector, "http://collector/v1/traces")
    yield exporter
    exporter.shutdown()


def test_a_failure_is_logged_once_and_counted(
    exporter: ReportingExporter, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        exporter.export([SPAN, SPAN])
    collector.is_up = True
    for _ in range(2):
        exporter.export([SPAN])
    assert caplog.messages == [
        "traces can't be sent to http://collector/v1/traces, and are lost until they can: Connection refused",
        "traces are sent to http://collector/v1/traces again; spans that were lost: 200",
    ]


def test_what_works_logs_nothing(
    exporter: ReportingExporter, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.is_up = True
    assert exporter.export([SPAN]) is SpanExportResult.SUCCESS
    assert exporter.force_flush()
    assert caplog.messages == []


def test_what_the_library_logs_is_kept_as_the_reason_of_the_newest_exporter(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    exporters = [ReportingExporter(collector, f"http://{name}") for name in ("former", "newest")]
    exporters[1].export([SPAN])
    assert caplog.messages == ["traces can't be sent to http://newest, and are lost until they can: Connection refused"]
    filters = logging.getLogger(LIBRARY_LOGGER).filters
    assert len([found for found in filters if isinstance(found, ReasonFilter)]) == 1


def test_it_is_shut_down_once(collector: Collector) -> None:
    exporter = ReportingExporter(collector, "http://collector")
    for _ in range(2):
        exporter.shutdown()
    assert collector.shutdowns == 1
