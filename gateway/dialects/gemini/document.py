"""A response of `generateContent` that is not streamed, made of the events of a stream."""

from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import as_encodable, decode
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of, objects_of

_JOINED: Final = frozenset({"text", "thought", "thoughtSignature"})
"""Fields of parts whose texts are joined: those of one text that came in pieces."""


def document(events: Iterable[ProjectedEvent]) -> JsonObject:
    """Return the response that the events add up to: parts follow each other, of other fields the last one counts."""
    response: JsonObject = {}
    candidate: JsonObject = {}
    parts: list[JsonObject] = []
    role: JsonValue = None
    for event in events:
        fields = decode(event.data)
        first = next(iter(objects_of(fields.pop("candidates", None))), {})
        content = object_of(first.pop("content", None))
        role = content.get("role") or role
        for part in objects_of(content.get("parts")):
            _append(parts, part)
        candidate = _merge(candidate, first)
        response |= fields
    if parts:
        candidate = {"content": {"parts": [*parts], **({"role": role} if role else {})}, **candidate}
    return as_encodable({**({"candidates": [candidate]} if candidate else {}), **response})


def _append(parts: list[JsonObject], part: JsonObject) -> None:
    """Append a part, or its text to the last part. What follows a signature is a part of its own."""
    last = parts[-1] if parts else {}
    is_text = part.keys() <= _JOINED and "text" in part
    if is_text and last.keys() <= _JOINED - {"thoughtSignature"} and "text" in last:
        is_same = bool(last.get("thought")) == bool(part.get("thought"))
        # An empty text carries the signature of the text before it.
        if is_same or part["text"] == "":
            parts[-1] = {**last, "text": f"{last['text']}{part['text']}"}
            if "thoughtSignature" in part:
                parts[-1]["thoughtSignature"] = part["thoughtSignature"]
            return
    if part != {"text": ""}:
        parts.append({**part})


def _merge(candidate: JsonObject, fields: JsonObject) -> JsonObject:
    """Return a candidate with the fields of its next event; log probabilities follow each other, like parts."""
    merged = {**candidate, **fields}
    earlier, later = candidate.get("logprobsResult"), fields.get("logprobsResult")
    if isinstance(earlier, dict) and isinstance(later, dict):
        merged["logprobsResult"] = {
            name: [*_list(earlier.get(name)), *_list(later.get(name))] if isinstance(value, list) else value
            for name, value in {**earlier, **later}.items()
        }
    return merged


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
