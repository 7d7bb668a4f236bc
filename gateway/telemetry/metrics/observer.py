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
from gateway.telemetry.metrics.histogram import Histogram
from gateway.telemetry.metrics.metric import Metric
from gateway.telemetry.metrics.registry import Amount, Registry
from gateway.telemetry.metrics.series import MAX_GROUPS, SeriesGroups
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
"""The counters of the tokens of a call."""


class MetricsObserver(Observer):
    """Counts generations in a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._running: dict[str, Amount] = {}
        """Where each generation that runs here is counted, by its id."""
        self._starts = SeriesGroups(registry, lambda *labels: [(names.STARTED, labels)])
        self._ends = SeriesGroups(registry, _series_of_end)
        self._attempt_ends = SeriesGroups(registry, _series_of_attempt)
        self._viewers = SeriesGroups(registry, lambda *labels: [(names.VIEWERS, labels), (names.VIEWS, labels)])
        self._chunks: dict[tuple[str, ...], tuple[Histogram, Histogram]] = {}
        """The histograms of chunks by what their labels are made of."""

    def on_start(self, generation: Generation, principal: Principal) -> None:
        """Count a start. One that this gateway continues was counted by the gateway that has died."""
        source = generation.source
        labels = (source.transport, source.dialect, generation.model)
        if not generation.attempts:
            self._starts[labels].count(1)
        self._running[generation.id] = running = self._registry.amount(names.RUNNING, *labels)
        running.value += 1

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource) -> None:
        """Count a refused start."""
        self._registry.add(names.REFUSED, 1, source.transport, source.dialect, refused.code.value)

    def chunk_times(self, generation: Generation, attempt: Attempt) -> ChunkTimes:
        """Return what measures the chunks of a call."""
        source, model, provider = generation.source, generation.model, attempt.provider
        key = (source.transport, source.dialect, model, provider, attempt.upstream_model, attempt.vendor)
        found = self._chunks.get(key)
        return ChunkTimes(*(self._find_chunks(*key) if found is None else found))

    def _find_chunks(self, *key: str) -> tuple[Histogram, Histogram]:
        registry, (transport, dialect, model, provider, *_) = self._registry, key
        gap_labels = (*_call_labels(*key[2:]), transport, dialect)
        delay_labels = (transport, dialect, model, provider)
        gaps = registry.histogram(names.CHUNK_GAP, *gap_labels)
        delays = registry.histogram(names.CHUNK_DELAY, *delay_labels)
        if (
            len(self._chunks) < MAX_GROUPS
            and registry.has_series(names.CHUNK_GAP, gap_labels)
            and registry.has_series(names.CHUNK_DELAY, delay_labels)
        ):
            self._chunks[key] = gaps, delays
        return gaps, delays

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        """Count a call and what it used; one that the budget did not allow was not made."""
        times = attempt.times
        started = times.started
        if started is None:
            return
        usage = attempt.used()
        cost = attempt.cost_of(usage)
        series = self._attempt_ends[
            generation.model, attempt.provider, attempt.upstream_model, attempt.vendor, str(attempt.ended or "")
        ]
        series.count(
            1,
            None if times.ended is None else times.ended - started,
            None if times.first_content is None else times.first_content - started,
            attempt.text_bytes,
            1 if cost is None else None,
            cost,
            *(() if usage is None else _tokens(usage)),
        )

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        """Count a failure after which another attempt follows."""
        self._registry.add(names.RETRIES, 1, generation.model, provider, failure.code.value)

    def on_feedback(self, generation: Generation, mode: str) -> None:
        """Count feedback."""
        self._registry.add(names.FEEDBACK, 1, mode)

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        """Count a viewer that has come."""
        self._viewers[transport,].count(1, 1)
        if resumed:
            self._registry.add(names.RESUMES, 1, transport, "resumed")

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        """Count a viewer that has left."""
        self._viewers[transport,].count(-1)

    def on_not_resumed(self, transport: str, outcome: ResumeOutcome) -> None:
        """Count a client that came back in vain."""
        self._registry.add(names.RESUMES, 1, transport, outcome)

    def on_surrendered(self, generation: Generation) -> None:
        """Count a generation as running here no longer."""
        self._stop_counting(generation.id)

    def on_end(self, summary: GenerationSummary) -> None:
        """Count the end of a generation."""
        registry, metrics, source = self._registry, summary.metrics, summary.source
        end, code = str(summary.end), summary.code or summary.interrupted_by or ""
        self._stop_counting(summary.id)
        self._ends[source.transport, source.dialect, summary.model, summary.provider or "", end, code].count(
            1,
            metrics.duration_ms / 1000,
            metrics.queue_ms / 1000,
            None if metrics.ttft_ms is None else metrics.ttft_ms / 1000,
        )
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

    def _stop_counting(self, generation_id: str) -> None:
        running = self._running.pop(generation_id, None)
        if running is not None:
            running.value -= 1


def _series_of_end(*key: str) -> Sequence[tuple[Metric, Labels]]:
    """Return the series of the end of a generation: how often, its duration, the wait for a slot, the first token."""
    *labels, end, _ = key
    return [
        (names.ENDED, key),
        (names.DURATION, (*labels, end)),
        (names.QUEUE_WAIT, (labels[2],)),
        (names.FIRST_TOKEN, (*labels,)),
    ]


def _series_of_attempt(
    model: str, provider: str, upstream_model: str, vendor: str, ended: str
) -> Sequence[tuple[Metric, Labels]]:
    """Return the series of the end of a call: what it took, brought and cost, and its tokens (`_tokens`)."""
    target, call = (model, provider), _call_labels(model, provider, upstream_model, vendor)
    return [
        (names.ATTEMPTS, (*target, ended)),
        (names.CALL_DURATION, (*call, ended if ended in FAILURES else "")),
        (names.FIRST_CHUNK, call),
        (names.CONTENT_BYTES, target),
        (names.UNPRICED, target),
        (names.COST, target),
        *((metric, (*call, UNKNOWN_MODALITY)) for metric in TOKENS),
        (names.CALL_INPUT_TOKENS, call),
        (names.CALL_OUTPUT_TOKENS, call),
    ]


def _call_labels(model: str, provider: str, upstream_model: str, vendor: str) -> Labels:
    """Return the labels of a call, in the order of `names.CALL`."""
    return (OPERATION, provider_name(vendor, provider), upstream_model, model, provider)


def _tokens(usage: Usage) -> Sequence[int | None]:
    """Return what is counted of the usage of a call: for `TOKENS`, and for the histograms of input and output."""
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.input_tokens,
        usage.output_tokens,
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
