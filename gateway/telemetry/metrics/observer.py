"""Count what happens to generations."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.billing.usage import estimate_output
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.generation.state import State
from gateway.protocol.errors import CODES, Failed, Refused
from gateway.protocol.events import Usage
from gateway.security.principals import Principal
from gateway.telemetry.gen_ai import OPERATION, UNKNOWN_MODALITY, provider_name
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.telemetry.metrics.metric import Metric
from gateway.telemetry.metrics.registry import Registry
from gateway.telemetry.metrics.snapshot import Labels
from gateway.telemetry.observer import Observer, ResumeOutcome
from gateway.telemetry.summary import AttemptSummary, GenerationSummary

FAILURES: Final = frozenset(code.value for code in CODES)
"""Ends of an attempt that are failures."""

TOKENS: Final[Sequence[Metric]] = (
    names.INPUT_TOKENS,
    names.OUTPUT_TOKENS,
    names.CACHE_READ_TOKENS,
    names.CACHE_WRITE_TOKENS,
    names.REASONING_TOKENS,
)
"""The counters of tokens, in the order of `_tokens`."""


class MetricsObserver(Observer):
    """Counts generations in a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._running: dict[str, Labels] = {}
        """The labels under which each generation that runs here is counted, by its id."""

    def on_start(self, generation: Generation, principal: Principal) -> None:
        """Count a start. One that this gateway continues was counted by the gateway that has died."""
        source = generation.source
        labels = (source.transport, source.dialect, generation.model)
        if not generation.attempts:
            self._registry.add(names.STARTED, 1, *labels)
        self._running[generation.id] = self._registry.add(names.RUNNING, 1, *labels)

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource) -> None:
        """Count a refused start."""
        self._registry.add(names.REFUSED, 1, source.transport, source.dialect, refused.code.value)

    def chunk_times(self, generation: Generation, attempt: Attempt) -> ChunkTimes:
        """Return what measures the chunks of a call."""
        source, registry = generation.source, self._registry
        by = (source.transport, source.dialect)
        gaps = registry.histogram(names.CHUNK_GAP, *self._call(generation, attempt), *by)
        delays = registry.histogram(names.CHUNK_DELAY, *by, generation.model, attempt.provider)
        return ChunkTimes(gaps, delays)

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        """Count a call and what it used; one that the budget did not allow was not made."""
        if attempt.times.started is None:
            return
        registry, target = self._registry, (generation.model, attempt.provider)
        registry.add(names.ATTEMPTS, 1, *target, attempt.ended or "")
        call, times, usage = self._call(generation, attempt), attempt.times, attempt.used()
        cost = attempt.cost_of(usage)
        if times.started is not None and times.ended is not None:
            error = attempt.ended if attempt.ended in FAILURES else ""
            registry.record(names.CALL_DURATION, times.ended - times.started, *call, error or "")
        if times.started is not None and times.first_content is not None:
            registry.record(names.FIRST_CHUNK, times.first_content - times.started, *call)
        registry.add(names.CONTENT_BYTES, attempt.text_bytes, *target)
        if cost is None:
            registry.add(names.UNPRICED, 1, *target)
        else:
            registry.add(names.COST, cost, *target)
        if usage is not None:
            self._count_usage(usage, call)

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        """Count a failure after which another attempt follows."""
        self._registry.add(names.RETRIES, 1, generation.model, provider, failure.code.value)

    def on_feedback(self, generation: Generation, mode: str) -> None:
        """Count feedback."""
        self._registry.add(names.FEEDBACK, 1, mode)

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        """Count a viewer that has come."""
        self._registry.add(names.VIEWERS, 1, transport)
        self._registry.add(names.VIEWS, 1, transport)
        if resumed:
            self._registry.add(names.RESUMES, 1, transport, "resumed")

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        """Count a viewer that has left."""
        self._registry.add(names.VIEWERS, -1, transport)

    def on_not_resumed(self, transport: str, outcome: ResumeOutcome) -> None:
        """Count a client that came back in vain."""
        self._registry.add(names.RESUMES, 1, transport, outcome)

    def on_surrendered(self, generation: Generation) -> None:
        """Count a generation as running here no longer."""
        self._stop_counting(generation.id)

    def on_end(self, summary: GenerationSummary) -> None:
        """Count the end of a generation."""
        registry, metrics = self._registry, summary.metrics
        source = (summary.source.transport, summary.source.dialect)
        labels = (*source, summary.model, summary.provider or "")
        end, code = summary.end.value, summary.code or summary.interrupted_by or ""
        self._stop_counting(summary.id)
        registry.add(names.ENDED, 1, *labels, end, code)
        registry.record(names.DURATION, metrics.duration_ms / 1000, *labels, end)
        registry.record(names.QUEUE_WAIT, metrics.queue_ms / 1000, summary.model)
        if metrics.ttft_ms is not None:
            registry.record(names.FIRST_TOKEN, metrics.ttft_ms / 1000, *labels)
        for reason, count in (
            ("failover", summary.failovers),
            ("feedback", metrics.revisions - 1 - summary.failovers),
        ):
            if count:
                registry.add(names.REVISIONS, count, summary.model, reason)
        if summary.end is State.INTERRUPTED:
            registry.add(names.INTERRUPTS, 1, summary.model, code)
            registry.record(names.INTERRUPT_DURATION, (summary.cancel_ms or 0) / 1000, code)
        for attempt, reason, tokens in _wasted(summary):
            registry.add(names.WASTED_TOKENS, tokens, summary.model, attempt.provider, reason)

    def _count_usage(self, usage: Usage, call: tuple[str, ...]) -> None:
        for metric, tokens in zip(TOKENS, _tokens(usage), strict=True):
            if tokens is not None:
                self._registry.add(metric, tokens, *call, UNKNOWN_MODALITY)
        if usage.input_tokens is not None:
            self._registry.record(names.CALL_INPUT_TOKENS, usage.input_tokens, *call)
        if usage.output_tokens is not None:
            self._registry.record(names.CALL_OUTPUT_TOKENS, usage.output_tokens, *call)

    def _call(self, generation: Generation, attempt: Attempt) -> tuple[str, ...]:
        """Return the labels of a call."""
        provider = attempt.provider
        name = provider_name(attempt.vendor, provider)
        return (OPERATION, name, attempt.upstream_model, generation.model, provider)

    def _stop_counting(self, generation_id: str) -> None:
        labels = self._running.pop(generation_id, None)
        if labels is not None:
            self._registry.add(names.RUNNING, -1, *labels)


def _tokens(usage: Usage) -> Sequence[int | None]:
    """Return what the counters of tokens count of the usage of a call."""
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


def _wasted(summary: GenerationSummary) -> Iterator[tuple[AttemptSummary, str, float]]:
    """Yield the calls whose output is in no answer, why, and how many tokens it has."""
    for attempt in summary.attempts:
        tokens = (attempt.usage.output_tokens if attempt.usage is not None else None) or 0
        if attempt.ended == "lost":
            yield attempt, "lost", tokens
        elif attempt.revision < summary.metrics.revisions:
            yield attempt, "replaced", tokens
        elif summary.end is State.INTERRUPTED and attempt.ended == "cancelled":
            yield attempt, "cancel", _written_after_cancel(attempt, summary.cancel_ms or 0)


def _written_after_cancel(attempt: AttemptSummary, cancel_ms: float) -> float:
    """Estimate the tokens that a model has written from the interrupt to the closed connection, at its mean rate."""
    duration, first = attempt.duration_ms, attempt.first_content_ms
    streamed = 0.0 if duration is None or first is None else duration - first - cancel_ms
    return estimate_output(attempt.text_bytes) * cancel_ms / streamed if streamed > 0 else 0
