"""Build the metadata of a message: whose generation it is, and in the end what it used. Pure.

Source: ai-sdk.dev/docs/ai-sdk-ui/message-metadata; usage in the form of `LanguageModelUsage`, the SDK's own.
"""

from gateway.dialects.ai_sdk.writer import camel_case_fields
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Terminal, Usage


def usage_object(usage: Usage) -> JsonObject:
    """Return usage as `LanguageModelUsage`; what is not known is left out, as the SDK has it undefined."""
    sent, written = usage.input_tokens, usage.output_tokens
    return _known(
        {
            "inputTokens": sent,
            "inputTokenDetails": _known(
                {
                    "noCacheTokens": _difference(sent, usage.cached_input_tokens, usage.cache_write_tokens),
                    "cacheReadTokens": usage.cached_input_tokens,
                    "cacheWriteTokens": usage.cache_write_tokens,
                }
            ),
            "outputTokens": written,
            "outputTokenDetails": _known(
                {
                    "textTokens": _difference(written, usage.reasoning_tokens),
                    "reasoningTokens": usage.reasoning_tokens,
                }
            ),
            "totalTokens": None if sent is None or written is None else sent + written,
            "source": usage.source,
        }
    )


def end_metadata(end: Terminal) -> JsonObject:
    """Return what is known of a generation at its end."""
    usage = None if end.usage is None else usage_object(end.usage)
    metrics = None if end.metrics is None else _known(camel_case_fields(end.metrics))
    return _known({"usage": usage, "costUsd": end.cost_usd, "metrics": metrics})


def _difference(total: int | None, *parts: int | None) -> int | None:
    """Return what is left of a total; None if it, or all of its parts, are unknown."""
    known = [part for part in parts if part is not None]
    return max(total - sum(known), 0) if total is not None and known else None


def _known(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}
