"""A trace observer whose spans a test reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.clock import Clock
from gateway.telemetry.traces.ids import GenerationIds
from gateway.telemetry.traces.observer import TraceObserver


@dataclass
class Recorded:
    """The observer, and what it has written."""

    observer: TraceObserver
    _exporter: InMemorySpanExporter = field(repr=False)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Return the spans that have ended, in that order."""
        return self._exporter.get_finished_spans()

    def named(self, beginning: str) -> list[ReadableSpan]:
        """Return the spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(beginning)]


def recorded(clock: Clock, *, trace_content: bool = False) -> Recorded:
    """Build an observer that writes into memory."""
    ids, exporter = GenerationIds(), InMemorySpanExporter()
    provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = TraceObserver(provider.get_tracer("test"), ids, clock, trace_content=trace_content)
    return Recorded(observer, exporter)


def attributes(span: ReadableSpan) -> dict[str, object]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def events(span: ReadableSpan) -> list[tuple[str, dict[str, object]]]:
    """Return the events of a span with their attributes."""
    return [(event.name, dict(event.attributes or {})) for event in span.events]
