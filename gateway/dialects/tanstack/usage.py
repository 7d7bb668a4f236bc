"""Usage figures as TanStack AI's clients show them (`TokenUsage` of @tanstack/ai). Pure."""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


def usage_object(usage: Usage) -> JsonObject:
    """Return usage figures. The three totals are required numbers: an unknown one is 0."""
    prompt, completion = usage.input_tokens or 0, usage.output_tokens or 0
    figures: JsonObject = {
        "promptTokens": prompt,
        "completionTokens": completion,
        "totalTokens": prompt + completion,
    }
    read: JsonObject = {"cachedTokens": usage.cached_input_tokens, "cacheWriteTokens": usage.cache_write_tokens}
    written: JsonObject = {"reasoningTokens": usage.reasoning_tokens}
    for name, details in (("promptTokensDetails", read), ("completionTokensDetails", written)):
        known: JsonObject = {field: count for field, count in details.items() if count is not None}
        if known:
            figures[name] = known
    return figures
