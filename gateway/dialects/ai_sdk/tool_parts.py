"""Convert the tool parts of UI messages, in every state, to calls and their results. Pure.

Source: ai-sdk.dev/docs/ai-sdk-ui/chatbot-tool-usage, and `convertToModelMessages` of the SDK.
"""

from typing import Final, NamedTuple

import orjson
from pydantic import JsonValue

from gateway.dialects.ai_sdk.writer import OWN
from gateway.dialects.fields import malformed, text_at
from gateway.dialects.json_data import decode_inner
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of

PREFIX: Final = "tool-"
DYNAMIC: Final = "dynamic-tool"

_DENIED: Final = "The user denied this call."

_STATES: Final = frozenset(
    {
        *("input-streaming", "input-available", "approval-requested", "approval-responded"),
        *("output-available", "output-error", "output-denied"),
    }
)


class AnsweredCall(NamedTuple):
    """A call and its result, in the form of chat completions."""

    call: JsonObject
    result: JsonObject


def is_tool(kind: str) -> bool:
    """Return True for the type of a tool part."""
    return kind.startswith(PREFIX) or kind == DYNAMIC


def answered_call(part: JsonObject, kind: str, path: str) -> AnsweredCall | None:
    """Return the call of a tool part; None without a result, or if the provider itself ran the tool.

    No provider reads a call without a result: it is left out, as is one that was still being written.

    Raises:
        Refused: it is not valid.
    """
    state = part.get("state")
    if not isinstance(state, str) or state not in _STATES:
        raise malformed(f"{path}.state", f"must be one of {', '.join(sorted(_STATES))}")
    if part.get("providerExecuted") is True or (text := _result(part, state, path)) is None:
        return None
    call_id = text_at(part.get("toolCallId"), f"{path}.toolCallId")
    name = text_at(part.get("toolName"), f"{path}.toolName") if kind == DYNAMIC else kind.removeprefix(PREFIX)
    function: JsonObject = {"name": name, "arguments": _arguments(part)}
    call: JsonObject = {"id": call_id, "type": "function", "function": function}
    own = object_of(object_of(part.get("callProviderMetadata")).get(OWN))
    if isinstance(signature := own.get("signature"), str):
        call["extra_content"] = {"google": {"thought_signature": signature}}
    return AnsweredCall(call, {"role": "tool", "tool_call_id": call_id, "content": text})


def _result(part: JsonObject, state: str, path: str) -> str | None:
    """Return the result of a call; None if there is none."""
    approval = object_of(part.get("approval"))
    reason = approval.get("reason")
    match state:
        case "output-available":
            return _as_text(part.get("output"))
        case "output-error":
            return text_at(part.get("errorText"), f"{path}.errorText")
        case "output-denied":
            return str(reason or _DENIED)
        case "approval-responded" if approval.get("approved") is False:
            return str(reason or _DENIED)
    return None


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _arguments(part: JsonObject) -> str:
    """Return the arguments of a call as JSON: an object, as providers require it, also where the model wrote none."""
    value = part.get("input")
    if value is None:
        value = part.get("rawInput")
    if isinstance(value, str):
        try:
            value = decode_inner(value)
        except ValueError:
            value = None
    return orjson.dumps(value).decode() if isinstance(value, dict) else "{}"
