"""Usage figures of AG-UI (docs.ag-ui.com/spec/1.0, `TokenUsage`). Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


def usage_entry(usage: Usage, provider: str, model: str) -> JsonObject:
    """Return the figures of one run. A total includes its parts, as ours do; what is not known is left out."""
    written, read = usage.output_tokens, usage.input_tokens
    counts: Mapping[str, JsonValue] = {
        "provider": provider or None,
        "model": model or None,
        "inputTokens": read,
        "outputTokens": written,
        "totalTokens": None if read is None or written is None else read + written,
        "reasoningTokens": usage.reasoning_tokens,
        "cachedInputTokens": usage.cached_input_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
    }
    return {name: value for name, value in counts.items() if value is not None}
