"""Usage figures in the form of the Messages API. Pure.

`input_tokens` exclude what was read from the cache and written to it (docs.anthropic.com, "Prompt caching", "Tracking
cache performance"). The SDKs require numbers: unknown is 0.
"""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


def start_usage() -> JsonObject:
    """Return the figures of `message_start`: nothing is known yet."""
    return {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": None,
        "output_tokens": 0,
        "server_tool_use": None,
        "service_tier": None,
    }


def final_usage(usage: Usage | None) -> JsonObject:
    """Return the figures of `message_delta`, which replace those of `message_start`."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    read, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    figures: JsonObject = {
        "input_tokens": max(0, (usage.input_tokens or 0) - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens or 0,
    }
    if usage.reasoning_tokens is not None:
        figures["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return figures
