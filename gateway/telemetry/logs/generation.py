"""The line of the log that each generation gets at its end: its fields. Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.log_fields import EVENT
from gateway.protocol.errors import Code
from gateway.telemetry.summary import GenerationSummary
from gateway.telemetry.trace_id import client_trace_id, trace_id_of

MAX_CONTENT: Final = 32_768
"""Maximum characters of a prompt or a text in the log; what is longer is cut."""

_USUAL: Final[Mapping[str, object]] = {
    "attempts": 1,
    "failovers": 0,
    "revisions": 1,
    "resumes": 0,
    "dialect": "native",
    "usage_source": "exact",
}
"""Values that the console form leaves out."""

_QUOTING: Final = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER})
"""Codes whose message may quote a provider's words about the prompt, so that it counts as content."""


def generation_fields(
    summary: GenerationSummary, *, with_content: bool = False, is_traced: bool = False
) -> dict[str, object]:
    """Return the event of an end, and its fields; None is unknown, or does not apply.

    In the order in which a person reads them: how it has ended, by whom it was answered, how fast, for how much. With
    `is_traced`, every generation has a trace; otherwise only those whose client has sent one.
    """
    metrics, usage, source = summary.metrics, summary.usage, summary.source
    quotes = summary.code in _QUOTING
    own_trace = f"{trace_id_of(summary.id):032x}" if is_traced else None
    cancel, ttft = summary.cancel_ms, metrics.ttft_ms
    return {
        EVENT: "generation_ended",
        "end": str(summary.end),
        "code": summary.code,
        "reason": summary.message if with_content or not quotes else None,
        "finish_reason": summary.finish_reason,
        "interrupted_by": summary.interrupted_by,
        "cancel_ms": None if cancel is None else round(cancel, 1),
        "model": summary.model,
        "provider": summary.provider,
        "upstream_model": summary.upstream_model or None,
        "ttft_ms": None if ttft is None else round(ttft, 1),
        "duration_ms": round(metrics.duration_ms, 1),
        "queue_ms": round(metrics.queue_ms, 1),
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "usage_source": usage.source,
        "cost_usd": summary.cost_usd,
        "attempts": metrics.attempts,
        "attempt_ends": [f"{attempt.provider}: {attempt.ended}" for attempt in summary.attempts],
        "failovers": summary.failovers,
        "revisions": metrics.revisions,
        "principal": summary.principal,
        "transport": source.transport or None,
        "dialect": source.dialect,
        "viewers": sum(summary.views.values()),
        "resumes": summary.resumes,
        "generation": summary.id,
        "request": summary.request_id,
        "trace": client_trace_id(source) or own_trace,
    }


def unusual(fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return the fields that people need to read: without what is the same in most lines."""
    shown = dict(fields)
    shown.pop(EVENT, None)
    if shown.get("upstream_model") == shown.get("model"):
        shown.pop("upstream_model", None)
    if shown.get("attempts") == 1 and shown.get("end") == "complete":
        shown.pop("attempt_ends", None)
    for name, value in _USUAL.items():
        if shown.get(name) == value:
            del shown[name]
    return shown


def cut(text: str) -> str:
    """Return a text that is not longer than the log takes."""
    return text if len(text) <= MAX_CONTENT else f"{text[:MAX_CONTENT]}… ({len(text)} characters)"
