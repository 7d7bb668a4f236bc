"""Export spans, and log when that begins to fail and when it works again, not each time."""

import logging
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from gateway.log_fields import log_fields

LIBRARY_LOGGER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
"""Logger of the library's exporter, which logs every attempt."""

logger = logging.getLogger("gateway.traces")


class ReasonFilter(logging.Filter):
    """Filter that keeps the last message of a logger, and lets nothing pass."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the message."""
        self.reason = record.getMessage()
        return False


class ReportingExporter(SpanExporter):
    """Passes spans on to an exporter; `url` is where that sends them."""

    def __init__(self, exporter: SpanExporter, url: str) -> None:
        self._exporter = exporter
        self._url = url
        self._lost = 0
        """Spans that could not be sent since it last worked."""
        self._is_shut_down = False
        self._reasons = _filter_library()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans; log the first failure, and the end of the failures."""
        result, url, lost = self._exporter.export(spans), self._url, self._lost
        if result is SpanExportResult.SUCCESS:
            self._lost = 0
            if lost:
                fields = log_fields("traces_back", url=url, lost=lost)
                logger.warning("traces are sent to %s again; spans that were lost: %d", url, lost, extra=fields)
            return result
        self._lost += len(spans)
        if not lost:
            fields = log_fields("traces_lost", url=url, reason=self._reasons.reason)
            message = "traces can't be sent to %s, and are lost until they can: %s"
            logger.warning(message, url, self._reasons.reason, extra=fields)
        return result

    def shutdown(self) -> None:
        """Close the exporter, and end what it waits for; a second time does nothing."""
        if not self._is_shut_down:
            self._is_shut_down = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: nothing is kept here."""
        return True


def _filter_library() -> ReasonFilter:
    """Return the filter of the library's logger. It replaces a former one, and stays: the last export ends late."""
    library, reasons = logging.getLogger(LIBRARY_LOGGER), ReasonFilter()
    for former in [found for found in library.filters if isinstance(found, ReasonFilter)]:
        library.removeFilter(former)
    library.addFilter(reasons)
    return reasons
