"""The line of the log that each generation gets at its end: its fields, and their text."""

import json
import re
from collections.abc import Mapping
from typing import Final

from gateway.log_fields import log_fields
from gateway.protocol.errors import Code
from gateway.telemetry.summary import GenerationSummary

MAX_CONTENT: Final = 32_768
"""Maximum characters of a prompt or a text in the log; what is longer is cut."""

_QUOTING: Final = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER})
"""Codes whose message may quote a provider's words about the prompt, so that it counts as content."""

_BARE: Final = re.compile(r"[\w.:/@+-]+", re.ASCII)
"""A value that needs no quotes."""


def generation_fields(summary: GenerationSummary, *, with_content: bool = False) -> Mapping[str, object]:
    """Return the event of an end, and its fields; None is unknown, or does not apply."""
    metrics, usage = summary.metrics, summary.usage
    quotes = summary.code in _QUOTING
    return log_fields(
        "generation_ended",
        end=summary.end.value,
        code=summary.code,
        reason=summary.message if with_content or not quotes else None,
        finish_reason=summary.finish_reason,
        interrupted_by=summary.interrupted_by,
        cancel_ms=summary.cancel_ms,
        generation=summary.id,
        request=summary.request_id,
        principal=summary.principal,
        transport=summary.source.transport or None,
        dialect=summary.source.dialect,
        model=summary.model,
        provider=summary.provider,
        upstream_model=summary.upstream_model or None,
        attempts=metrics.attempts,
        attempt_ends=[f"{attempt.provider}: {attempt.ended}" for attempt in summary.attempts],
        revisions=metrics.revisions,
        ttft_ms=metrics.ttft_ms,
        duration_ms=metrics.duration_ms,
        queue_ms=metrics.queue_ms,
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        usage_source=usage.source,
        cost_usd=summary.cost_usd,
        viewers=sum(summary.views.values()),
        resumes=summary.resumes,
    )


def as_text(fields: Mapping[str, object]) -> str:
    """Return fields as `name=value`, separated by spaces; those that are None are left out."""
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value is not None)


def cut(text: str) -> str:
    """Return a text that is not longer than the log takes."""
    return text if len(text) <= MAX_CONTENT else f"{text[:MAX_CONTENT]}… ({len(text)} characters)"


def _value(value: object) -> str:
    if isinstance(value, list):
        return json.dumps(", ".join(map(str, value)), ensure_ascii=False)
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
