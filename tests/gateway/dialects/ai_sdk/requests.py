"""Requests of the SDK's chat transports."""

from typing import Any

from gateway.dialects.ai_sdk.request import parse_call
from gateway.dialects.base import Call, DialectStart
from gateway.protocol.commands import JsonObject

Json = dict[str, Any]


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def user(*parts: Json | str, **fields: object) -> Json:
    """Return a message of the user; a string is a text."""
    made = [text(part) if isinstance(part, str) else part for part in parts]
    return {"id": "u1", "role": "user", "parts": made, **fields}


def assistant(*parts: Json | str, **fields: object) -> Json:
    """Return an answer."""
    return {**user(*parts), "id": "a1", "role": "assistant", **fields}


def parsed(*messages: Json, headers: dict[str, str] | None = None, **fields: object) -> DialectStart:
    """Return what a request is parsed to."""
    body: JsonObject = {"id": "chat", "messages": [*messages], "trigger": "submit-message", **fields}  # type: ignore[dict-item]
    return parse_call(Call(body, headers=headers or {}))


def sent(*messages: Json) -> list[Json]:
    """Return messages in the form of chat completions, without what has no value."""
    found = parsed(*messages).request.messages
    return [message.model_dump(exclude_unset=True) for message in found]
