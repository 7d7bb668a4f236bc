"""Usage figures in the form of the Responses API (platform.openai.com/docs/api-reference/responses/object). Pure."""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


def usage_object(usage: Usage) -> JsonObject | None:
    """Return usage figures; an unknown count is 0, because clients expect a number. None if nothing is known."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": read + written,
        **({"estimated": True} if usage.source == "estimated" else {}),
    }
