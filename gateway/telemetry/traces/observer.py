"""The observer that writes spans: one for each generation, and below it one for each call of a provider.

The events of a span are of its moments, never of a chunk. The spans go to a queue, which a thread exports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.clock import Clock
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.generation.state import State
from gateway.protocol.errors import Failed
from gateway.security.principals import Principal
from gateway.telemetry.gen_ai import OPERATION
from gateway.telemetry.observer import Observer
from gateway.telemetry.summary import GenerationSummary
from gateway.telemetry.traces import attributes, content
from gateway.telemetry.traces.ids import GenerationIds

_PROPAGATOR: Final = TraceContextTextMapPropagator()


@dataclass(slots=True)
class Trace:
    """The spans of a generation that are not ended."""

    span: Span
    context: Context
    revision: int
    calls: dict[int, Span] = field(default_factory=dict)
    """By the number of the attempt."""


class TraceObserver(Observer):
    """Writes the spans of generations. With `trace_content`, those of calls have prompts and answers."""

    def __init__(self, tracer: Tracer, ids: GenerationIds, clock: Clock, *, trace_content: bool = False) -> None:
        self._tracer = tracer
        self._ids = ids
        self._clock = clock
        self._trace_content = trace_content
        self._traces: dict[str, Trace] = {}

    def on_start(self, generation: Generation, principal: Principal) -> None:
        """Start the span of a generation, in the trace of its client if that has sent one."""
        self._ids.generation_id = generation.id
        span = self._tracer.start_span(
            f"generate {generation.model}",
            _client_context(generation.source),
            SpanKind.SERVER,
            attributes.of_start(generation, principal),
        )
        self._ids.generation_id = ""
        self._traces[generation.id] = Trace(span, set_span_in_context(span, Context()), generation.revision)

    def on_attempt(self, generation: Generation, attempt: Attempt) -> Mapping[str, str]:
        """Start the span of a call; return the headers by which its provider joins the trace."""
        trace = self._traces.get(generation.id)
        if trace is None:
            return {}
        if attempt.revision > trace.revision:
            trace.revision = attempt.revision
            trace.span.add_event(attributes.REVISION_EVENT, {"dualstream.revision": attempt.revision})
        span = self._tracer.start_span(
            f"{OPERATION} {attempt.upstream_model}",
            trace.context,
            SpanKind.CLIENT,
            attributes.of_call(attempt, generation.options),
        )
        if self._trace_content and span.is_recording():
            span.set_attribute(attributes.INPUT_MESSAGES, content.input_messages(generation.prompt))
        trace.calls[attempt.number] = span
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers, set_span_in_context(span, Context()))
        return headers

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        """End the span of a call, with what it used."""
        trace = self._traces.get(generation.id)
        span = None if trace is None else trace.calls.pop(attempt.number, None)
        if span is None or not span.is_recording():
            return
        shift, first = self._clock.unix() - self._clock.now(), attempt.times.first_content
        if first is not None:
            span.add_event(attributes.FIRST_TOKEN_EVENT, timestamp=_nanoseconds(first + shift))
        span.set_attributes(attributes.of_answer(attempt))
        if self._trace_content and attempt.text_bytes:
            # A call without content may have lost a race: the text of the log is then that of the winner.
            text = generation.log.text()
            span.set_attribute(attributes.OUTPUT_MESSAGES, content.output_messages(text, attempt.finish_reason))
        error = attributes.error_of(attempt)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end()

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        """Add the event of a retry or a failover."""
        trace = self._traces.get(generation.id)
        if trace is not None:
            event = attributes.of_retry(failure.code, provider, following)
            trace.span.add_event(attributes.RETRY_EVENT, event)

    def on_end(self, summary: GenerationSummary) -> None:
        """End the span of a generation."""
        trace = self._traces.pop(summary.id, None)
        if trace is None:
            return
        span = trace.span
        if summary.first_content_at is not None:
            span.add_event(attributes.FIRST_TOKEN_EVENT, timestamp=_nanoseconds(summary.first_content_at))
        if summary.cancel_ms is not None:
            at = summary.ended_at - summary.cancel_ms / 1000
            span.add_event(attributes.INTERRUPT_EVENT, attributes.of_interrupt(summary), _nanoseconds(at))
        span.set_attributes(attributes.of_end(summary))
        if summary.end is State.ERROR:
            span.set_status(Status(StatusCode.ERROR, summary.code))
        _end(trace)

    def on_surrendered(self, generation: Generation) -> None:
        """End the spans of a generation that another gateway continues in the same trace."""
        trace = self._traces.pop(generation.id, None)
        if trace is not None:
            trace.span.set_attribute("dualstream.end", "surrendered")
            _end(trace)


def _end(trace: Trace) -> None:
    """End what is open. A call that is still being closed adds nothing: its figures are those of its end."""
    for call in trace.calls.values():
        call.end()
    trace.span.end()


def _client_context(source: StartSource) -> Context:
    """Return the context of a client's trace; an empty one if it has sent none, or one that can't be read."""
    if not source.traceparent:
        return Context()
    return _PROPAGATOR.extract({"traceparent": source.traceparent, "tracestate": source.tracestate}, Context())


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
