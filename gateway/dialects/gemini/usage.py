"""Usage figures in the form of the Gemini API. Pure."""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


def usage_metadata(usage: Usage) -> JsonObject:
    """Return `usageMetadata` (ai.google.dev/api/generate-content). Unlike ours, its output excludes the thoughts.

    Counts that are not known are left out, as Google's servers leave out those of zero.
    """
    written, thoughts = usage.output_tokens, usage.reasoning_tokens
    counts = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": None if written is None else max(0, written - (thoughts or 0)),
        "totalTokenCount": (usage.input_tokens or 0) + (written or 0),
        "cachedContentTokenCount": usage.cached_input_tokens or None,
        "thoughtsTokenCount": thoughts or None,
    }
    return {name: count for name, count in counts.items() if count is not None}
