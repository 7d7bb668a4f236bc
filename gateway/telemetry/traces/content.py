"""Prompts and answers as the conventions for generative AI write them into spans, if that is switched on. Pure.

Source: `gen_ai.input.messages` and `gen_ai.output.messages`, in the schemas beside the conventions. What a message has
beside text and calls of tools, such as images, is only named: it may be megabytes long.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.messages import Message

MAX_TEXT: Final = 32_768
"""Maximum characters of one text; what is longer is cut."""

_TEXTS: Final = frozenset({"text", "input_text", "output_text"})


def input_messages(messages: Iterable[Message]) -> str:
    """Return the messages of a request as the JSON of their attribute."""
    return orjson.dumps([{"role": message.role, "parts": _parts(message)} for message in messages]).decode()


def output_messages(text: str, finish_reason: str | None) -> str:
    """Return an answer as the JSON of its attribute."""
    message = {"role": "assistant", "parts": [_text(text)], "finish_reason": finish_reason or "error"}
    return orjson.dumps([message]).decode()


def _parts(message: Message) -> Sequence[Mapping[str, JsonValue]]:
    extra = message.model_extra or {}
    if message.role == "tool":
        result = message.content if isinstance(message.content, str) else None
        return [{"type": "tool_call_response", "id": extra.get("tool_call_id"), "response": result}]
    content = message.content
    parts = [_text(content)] if isinstance(content, str) and content else []
    if isinstance(content, list):
        parts = [_part(part) for part in content]
    calls = extra.get("tool_calls")
    return [*parts, *map(_call, calls if isinstance(calls, list) else ())]


def _part(part: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    text = part.get("text")
    return _text(text) if part.get("type") in _TEXTS and isinstance(text, str) else {"type": part.get("type")}


def _call(call: JsonValue) -> dict[str, JsonValue]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return {"type": "tool_call"}
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": function.get("name"),
        "arguments": function.get("arguments"),
    }


def _text(text: str) -> dict[str, JsonValue]:
    return {"type": "text", "content": text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"}
