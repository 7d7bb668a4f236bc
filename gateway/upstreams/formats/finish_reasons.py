"""What the finish reasons of providers mean. Pure.

One table for all wire formats, because servers pass on the reasons of others: a router with OpenAI's API sends those of
Google and Anthropic. docs/reference/providers.md shows the tables; a test compares them.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.protocol.errors import Code
from gateway.upstreams.sanitize import sanitize_token

FINISH_REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    # platform.openai.com/docs/api-reference/chat/object, and the servers that imitate it: vLLM, SGLang, TGI, Mistral
    # (docs.mistral.ai/api), Cohere (docs.cohere.com/reference/chat), watsonx, Zhipu (docs.z.ai), DashScope, Ollama.
    "openai": {
        "stop": "stop eos eos_token stop_sequence end_turn end complete completed finished done normal",
        "length": "length max_tokens max_length model_length token_limit max_output_tokens max_completion_tokens "
        "error_limit time_limit context_length_exceeded model_context_window_exceeded",
        "tool_calls": "tool_calls tool_call tool_use function_call function_calls",
        "content_filter": "content_filter content_filtered sensitive safety moderation refusal guardrail_intervened "
        "error_toxic policy_violation",
    },
    # docs.anthropic.com, "Handling stop reasons". After `pause_turn` and `compaction` the turn is not over: it goes on
    # when the answer is sent back as it is.
    "anthropic": {
        "stop": "end_turn stop_sequence",
        "length": "max_tokens model_context_window_exceeded",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
        "pause_turn": "pause_turn compaction",
    },
    # ai.google.dev/api/generate-content, "FinishReason". FUNCTION_CALL is not Google's, but sent by imitations.
    "gemini": {
        "stop": "STOP",
        "length": "MAX_TOKENS CONTINUATION",
        "tool_calls": "FUNCTION_CALL",
        "content_filter": "SAFETY PROHIBITED_CONTENT BLOCKLIST SPII RECITATION LANGUAGE MODEL_ARMOR IMAGE_SAFETY "
        "IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION ESCALATION PUP_LIMITED_DISABLED",
    },
    # platform.openai.com/docs/api-reference/responses/object, `status` and `incomplete_details.reason`.
    "openai-responses": {
        "stop": "completed",
        "length": "max_output_tokens max_tool_calls",
        "content_filter": "content_filter",
    },
}
"""Provider's finish reasons that end an answer, by the reason that clients get, by wire format."""

FAILURE_REASONS: Final[Mapping[str, Mapping[Code, str]]] = {
    # `abort` is vLLM's and SGLang's, `network_error` Zhipu's, `insufficient_system_resource` DeepSeek's; `error` is
    # OpenRouter's and Mistral's; `load` and `unload` are Ollama's, for a call without an answer.
    "openai": {
        Code.SERVER_ERROR: "error abort aborted cancelled canceled user_cancel failed failure internal_error "
        "server_error model_error insufficient_system_resource overloaded load unload",
        Code.NETWORK_ERROR: "network_error connection_error",
        Code.TIMEOUT: "timeout deadline_exceeded",
        Code.RATE_LIMIT: "rate_limit rate_limited",
        # The model wrote an invalid call: nothing of it is in the response, and a retry often helps.
        Code.UPSTREAM_PROTOCOL: "malformed_tool_use malformed_model_output invalid_tool_call",
    },
    "gemini": {
        Code.UPSTREAM_PROTOCOL: "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE",
        Code.INVALID_REQUEST: "MISSING_THOUGHT_SIGNATURE",
    },
    "openai-responses": {Code.SERVER_ERROR: "failed cancelled"},
}
"""Provider's finish reasons that mean a failure, by its code, by wire format."""

NO_REASONS: Final = frozenset(
    {"", "null", "none", "undefined", "not_finished", "in_progress", "unspecified", "finish_reason_unspecified"}
)
"""Finish reasons, in lower case, that mean that there is none yet."""


class Ending(NamedTuple):
    """What a finish reason means: the one that clients get, or the code of a failure; the other is None."""

    reason: str | None
    code: Code | None


ENDINGS: Final[Mapping[str, Ending]] = {
    **{
        name.lower(): Ending(reason, None)
        for reasons in FINISH_REASONS.values()
        for reason, names in reasons.items()
        for name in names.split()
    },
    **{
        name.lower(): Ending(None, code)
        for codes in FAILURE_REASONS.values()
        for code, names in codes.items()
        for name in names.split()
    },
}
"""What a finish reason in lower case means, in any wire format."""


def ending_of(reason: str) -> Ending | None:
    """Return what a finish reason means; None if it says that there is none yet. Others pass, in lower case."""
    name = reason.strip().lower()
    if name in NO_REASONS:
        return None
    return ENDINGS.get(name) or Ending(sanitize_token(name), None)


def finish_reason(reason: str | None, *, called: bool) -> str | None:
    """Return the finish reason of an answer with tool calls (`called`) or without: the one rule for all wire formats.

    An answer with calls that ended by itself ends with `tool_calls`, although some providers say `stop`. Where
    something else ended it (`length`), its last call may be incomplete, and that reason stands. An answer without
    calls never ends with `tool_calls`: clients would wait for one.
    """
    if called:
        return "tool_calls" if reason in {None, "stop"} else reason
    return "stop" if reason == "tool_calls" else reason
