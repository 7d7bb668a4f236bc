"""Messages as TanStack AI's clients hold them (`UIMessage` of @tanstack/ai), made of those that they send. Pure."""

from collections.abc import Sequence

from pydantic import JsonValue

from gateway.dialects.json_data import decode_inner
from gateway.protocol.commands import JsonObject

_MEDIA = ("image", "audio", "video", "document")


def ui_messages(messages: Sequence[JsonValue]) -> list[JsonObject]:
    """Return the messages that a client shows again after a refresh.

    Reasoning and results of tools, which are messages of their own on the wire, are parts of the answer here.
    """
    shown: list[JsonObject] = []
    thoughts: list[JsonValue] = []
    for message in messages:
        if not isinstance(message, dict):
            continue
        match message.get("role"):
            case "user" | "system" | "developer" as role:
                shown.append(_message(message, "user" if role == "user" else "system", _content(message)))
            case "reasoning":
                thoughts.append(_thought(message))
            case "assistant":
                shown.append(_message(message, "assistant", [*thoughts, *_content(message), *_calls(message)]))
                thoughts = []
            case "tool":
                _add_result(shown, message)
    return shown


def _message(message: JsonObject, role: str, parts: list[JsonValue]) -> JsonObject:
    metadata = message.get("metadata")
    tanstack = metadata.get("tanstack") if isinstance(metadata, dict) else None
    created = tanstack.get("createdAt") if isinstance(tanstack, dict) else None
    shown: JsonObject = {"id": message.get("id"), "role": role, "parts": parts}
    return {**shown, "createdAt": created} if isinstance(created, str) else shown


def _content(message: JsonObject) -> list[JsonValue]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    parts: list[JsonValue] = []
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "text", "text": str() as text}:
                parts.append({"type": "text", "content": text})
            case {"type": str() as kind} if kind in _MEDIA:
                parts.append(part)
    return parts


def _thought(message: JsonObject) -> JsonObject:
    thought: JsonObject = {"type": "thinking", "content": message.get("content") or "", "stepId": message.get("id")}
    signature = message.get("encryptedValue")
    return {**thought, "signature": signature} if signature else thought


def _calls(message: JsonObject) -> list[JsonValue]:
    calls = message.get("toolCalls")
    parts: list[JsonValue] = []
    for call in calls if isinstance(calls, list) else ():
        if not isinstance(call, dict) or not isinstance(function := call.get("function"), dict):
            continue
        called: JsonObject = {
            "id": call.get("id"),
            "name": function.get("name"),
            "arguments": function.get("arguments"),
        }
        signature = call.get("encryptedValue")
        metadata: JsonObject = {"metadata": {"thoughtSignature": signature}} if signature else {}
        parts.append({"type": "tool-call", **called, "state": "input-complete", **metadata})
    return parts


def _add_result(shown: list[JsonObject], message: JsonObject) -> None:
    """Add what a tool returned to the answer that called it."""
    call_id, content = message.get("toolCallId"), message.get("content")
    for answer in reversed(shown):
        parts = answer["parts"] if isinstance(answer["parts"], list) else []
        calls = [part for part in parts if isinstance(part, dict) and part.get("type") == "tool-call"]
        for call in calls:
            if call["id"] == call_id:
                state = "error" if message.get("error") else "complete"
                call |= {"state": state, "output": _decoded(content)}
                parts.append({"type": "tool-result", "toolCallId": call_id, "content": content, "state": state})
                return


def _decoded(content: JsonValue) -> JsonValue:
    try:
        return decode_inner(content) if isinstance(content, str) else content
    except ValueError:
        return content
