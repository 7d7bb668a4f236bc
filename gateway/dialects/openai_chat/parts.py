"""Build the deltas of content that is not plain text: tool calls, signatures, media, citations. Pure.

Sources: platform.openai.com/docs/api-reference/chat-streaming; for what OpenAI's own API lacks, openrouter.ai/docs
("Reasoning Tokens", "Image Generation") and ai.google.dev, "OpenAI compatibility" (`extra_content`). A message may have
each of these fields in a request, so that clients can give them back as they came.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part, SignedReasoning, ToolCall


def tool_call(call: ToolCall, index: int, *, is_custom: bool) -> JsonObject:
    """Return the delta of a piece of a tool call; a custom tool has a text as its input, and not JSON.

    The id, the type and the name come with its first piece alone.
    """
    delta: JsonObject = {"index": index}
    if call.id is not None:
        delta["id"] = call.id
        delta["type"] = "custom" if is_custom else "function"
    name: JsonObject = {} if call.name is None else {"name": call.name}
    if is_custom:
        delta["custom"] = {**name, "input": call.arguments}
    else:
        delta["function"] = {**name, "arguments": call.arguments}
    if call.signature is not None:
        delta["extra_content"] = {"google": {"thought_signature": call.signature}}
    return {"tool_calls": [delta]}


def function_call(call: ToolCall) -> JsonObject:
    """Return the delta of a piece of a call for a client that knows functions alone."""
    name: JsonObject = {} if call.name is None else {"name": call.name}
    return {"function_call": {**name, "arguments": call.arguments}}


def signed_reasoning(signed: SignedReasoning, text: str, index: int) -> JsonObject:
    """Return the delta of a signature, with the whole text that it signs: only together can they be given back."""
    piece: JsonObject = {"reasoning_content": signed.content} if signed.content else {}
    detail: JsonObject = {
        "type": "reasoning.text",
        "text": text,
        "signature": signed.signature,
        "format": signed.format,
        "index": index,
    }
    return {**piece, "reasoning_details": [detail]}


def field_of(part: Part) -> str | None:
    """Return the field of a message that holds a part; None if this API has no place for it."""
    return next(iter(_delta(part, 0)), None)


def part(part: Part, index: int) -> JsonObject:
    """Return the delta of a part that is item `index` of its field."""
    return _delta(part, index)


def _delta(part: Part, index: int) -> JsonObject:
    fields = part.fields
    match part.kind:
        case "image":
            return {"images": [{"type": "image_url", "image_url": {"url": _url(fields)}, "index": index}]}
        case "audio" if "data" in fields:
            return {"audio": {"data": fields["data"]}}
        case "audio" | "file":
            file: JsonObject = {"file_data": _url(fields), "media_type": fields.get("media_type")}
            return {"files": [{"type": "file", "file": file, "index": index}]}
        case "citation":
            return {"annotations": [{**_annotation(fields), "index": index}]}
        case "redacted_reasoning":
            detail = {name: fields[name] for name in _OF_REDACTED if fields.get(name) is not None}
            return {"reasoning_details": [{"type": "reasoning.encrypted", **detail, "index": index}]}
    return {}


_OF_REDACTED: Final = ("data", "format", "id")


def _annotation(fields: Mapping[str, JsonValue]) -> JsonObject:
    """Return a citation in OpenAI's form, all of whose fields are required."""
    own = fields.get("source")
    known = own if isinstance(own, dict) else {}
    if isinstance(inner := known.get("url_citation"), dict):
        known = inner
    positions: JsonObject = {
        name: value if isinstance(value := known.get(name), int) else 0 for name in ("start_index", "end_index")
    }
    text: JsonObject = {"content": fields["text"]} if fields.get("text") else {}
    url, title = fields.get("url") or "", fields.get("title") or ""
    return {"type": "url_citation", "url_citation": {**positions, "url": url, "title": title, **text}}


def _url(fields: Mapping[str, JsonValue]) -> str:
    """Return the address of a medium, or its data as one (RFC 2397)."""
    if "url" in fields:
        return str(fields["url"])
    return f"data:{fields.get('media_type') or 'application/octet-stream'};base64,{fields.get('data')}"
