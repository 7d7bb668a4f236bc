"""The attributes of spans. Pure.

The names of OpenTelemetry's conventions for generative AI still change ("Development"): they stand here, and nowhere
else. Source: the span `gen_ai.client.inference` in github.com/open-telemetry/semantic-conventions-genai, version 0.1.0.
Ours begin with `dualstream.`.
"""

from collections.abc import Mapping
from typing import Final

from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from gateway.protocol.events import Usage
from gateway.security.principals import Principal
from gateway.telemetry import gen_ai
from gateway.telemetry.summary import GenerationSummary

Value = str | bool | int | float | list[str]
Attributes = Mapping[str, Value]

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"

USAGE: Final[Mapping[str, str]] = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
"""Names of the fields of `Usage`. Spans of calls alone have them: a backend adds up what it finds in all spans."""

OPTIONS: Final[Mapping[str, tuple[str, type[float] | type[int]]]] = {
    "max_tokens": ("gen_ai.request.max_tokens", int),
    "temperature": ("gen_ai.request.temperature", float),
    "top_p": ("gen_ai.request.top_p", float),
    "seed": ("gen_ai.request.seed", int),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", float),
    "presence_penalty": ("gen_ai.request.presence_penalty", float),
}
"""Options of a start, with their names and types."""

FIRST_TOKEN_EVENT: Final = "dualstream.first_token"  # noqa: S105 - no secret
INTERRUPT_EVENT: Final = "dualstream.interrupt"
RETRY_EVENT: Final = "dualstream.retry"
REVISION_EVENT: Final = "dualstream.revision"

_NO_ERRORS: Final = frozenset({"answered", "lost", "cancelled"})
_CODES: Final = frozenset(code.value for code in Code)


def of_start(generation: Generation, principal: Principal) -> Attributes:
    """Return what is known of a generation when it starts, for samplers too."""
    source = generation.source
    return {
        REQUEST_MODEL: generation.model,
        "dualstream.generation.id": generation.id,
        "dualstream.request.id": generation.request_id,
        "dualstream.principal": principal.id,
        "dualstream.transport": source.transport,
        "dualstream.dialect": source.dialect,
    }


def of_end(summary: GenerationSummary) -> Attributes:
    """Return what is known of a generation when it has ended.

    A viewer that comes later, or comes back, reads what was produced once: it is counted here, and has no span.
    """
    metrics = summary.metrics
    usage = {f"dualstream.usage.{name}": value for name, value in _counts(summary.usage).items()}
    return {
        **usage,
        **_known(
            {
                PROVIDER: None if summary.provider is None else gen_ai.provider_name(summary.vendor, summary.provider),
                RESPONSE_MODEL: summary.upstream_model or None,
                FINISH_REASONS: None if summary.finish_reason is None else [summary.finish_reason],
                FIRST_CHUNK: None if metrics.ttft_ms is None else metrics.ttft_ms / 1000,
                ERROR_TYPE: summary.code,
                "dualstream.end": summary.end.value,
                "dualstream.queue.duration": metrics.queue_ms / 1000,
                "dualstream.attempts": metrics.attempts,
                "dualstream.revisions": metrics.revisions,
                "dualstream.feedback": summary.feedback,
                "dualstream.viewers": sum(summary.views.values()),
                "dualstream.resumes": summary.resumes,
                "dualstream.cost_usd": summary.cost_usd,
            }
        ),
    }


def of_retry(code: Code, provider: str, following: str) -> Attributes:
    """Return the attributes of the event of a retry: which provider has failed, and which one is called next."""
    return {ERROR_TYPE: code.value, "dualstream.failed": provider, "dualstream.following": following}


def of_interrupt(summary: GenerationSummary) -> Attributes:
    """Return the attributes of the event of an interrupt."""
    return _known({"dualstream.interrupted_by": summary.interrupted_by, "dualstream.cancel_ms": summary.cancel_ms})


def of_call(attempt: Attempt, options: JsonObject) -> Attributes:
    """Return what is known of a call before it is made."""
    given = {name: options.get(option) for option, (name, _) in OPTIONS.items()}
    types = dict(OPTIONS.values())
    return {
        OPERATION: gen_ai.OPERATION,
        PROVIDER: gen_ai.provider_name(attempt.vendor, attempt.provider),
        REQUEST_MODEL: attempt.upstream_model,
        REQUEST_STREAM: True,
        **{
            name: types[name](value)
            for name, value in given.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        },
        "dualstream.attempt.number": attempt.number,
        "dualstream.attempt.revision": attempt.revision,
        "dualstream.attempt.continues": attempt.continues,
    }


def of_answer(attempt: Attempt) -> Attributes:
    """Return what is known of a call when it has ended."""
    times, used = attempt.times, attempt.used()
    first = None if times.first_content is None or times.started is None else times.first_content - times.started
    return _known(
        {
            RESPONSE_MODEL: attempt.upstream_model if attempt.opened else None,
            FINISH_REASONS: None if attempt.finish_reason is None else [attempt.finish_reason],
            FIRST_CHUNK: first,
            ERROR_TYPE: error_of(attempt),
            "dualstream.attempt.end": attempt.ended,
            "dualstream.cost_usd": attempt.cost(),
            **({} if used is None else {USAGE[name]: value for name, value in _counts(used).items()}),
            "dualstream.usage.source": None if used is None else used.source,
        }
    )


def error_of(attempt: Attempt) -> str | None:
    """Return the code with which a call has failed; None if it was answered, or given up."""
    return None if attempt.ended in _NO_ERRORS or attempt.ended not in _CODES else attempt.ended


def _counts(usage: Usage) -> dict[str, int]:
    values = {name: getattr(usage, name) for name in USAGE}
    return {name: value for name, value in values.items() if value is not None}


def _known(values: Mapping[str, Value | None]) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
