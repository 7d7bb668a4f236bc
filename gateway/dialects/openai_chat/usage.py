"""Usage in the shape of chat completions (platform.openai.com/docs/api-reference/chat/object, `usage`). Pure."""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


def usage_object(usage: Usage) -> JsonObject:
    """Return usage figures. `prompt_tokens` includes cached tokens and `completion_tokens` reasoning, as ours do.

    The counts are required numbers: an unknown one is 0. Figures that the provider did not count are marked, in a field
    of ours, as `estimated`.
    """
    prompt, completion = usage.input_tokens or 0, usage.output_tokens or 0
    prompt_details: JsonObject = {"cached_tokens": usage.cached_input_tokens or 0}
    if usage.cache_write_tokens is not None:
        prompt_details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        **({"estimated": True} if usage.source == "estimated" else {}),
    }
