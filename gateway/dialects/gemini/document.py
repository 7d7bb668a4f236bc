"""A response of `generateContent` that is not streamed, made of the events of a stream. Pure."""

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
    parts = _Parts()
    role: JsonValue = None
    for event in events:
        fields = decode(event.data)
        first = next(iter(objects_of(fields.pop("candidates", None))), {})
        content = object_of(first.pop("content", None))
        role = content.get("role") or role
        for part in objects_of(content.get("parts")):
            parts.add(part)
        candidate = _merge(candidate, first)
        response |= fields
    if whole := parts.take():
        candidate = {"content": {"parts": [*whole], **({"role": role} if role else {})}, **candidate}
    return as_encodable({**({"candidates": [candidate]} if candidate else {}), **response})


class _Parts:
    """Parts, of which texts are joined once: a long answer has many."""

    def __init__(self) -> None:
        self._parts: list[JsonObject] = []
        self._pieces: list[str] = []
        """Texts that belong to the last part."""

    def add(self, part: JsonObject) -> None:
        """Add a part, or its text to the last part. What follows a signature is a part of its own."""
        last = self._parts[-1] if self._parts else {}
        is_text = part.keys() <= _JOINED and "text" in part
        if is_text and last.keys() <= _JOINED - {"thoughtSignature"} and "text" in last:
            is_same = bool(last.get("thought")) == bool(part.get("thought"))
            # An empty text carries the signature of the text before it.
            if is_same or part["text"] == "":
                self._pieces.append(str(part["text"]))
                if "thoughtSignature" in part:
                    last["thoughtSignature"] = part["thoughtSignature"]
                return
        if part != {"text": ""}:
            self.take().append({**part})

    def take(self) -> list[JsonObject]:
        """Return the parts so far."""
        if self._pieces:
            self._parts[-1]["text"] = f"{self._parts[-1]['text']}{''.join(self._pieces)}"
            self._pieces = []
        return self._parts


def _merge(candidate: JsonObject, fields: JsonObject) -> JsonObject:
    """Return a candidate with the fields of its next event; log probabilities follow each other, like parts."""
    merged = {**candidate, **fields}
    earlier, later = candidate.get("logprobsResult"), fields.get("logprobsResult")
    if isinstance(earlier, dict) and isinstance(later, dict):
        # In place: there may be one for each token.
        merged["logprobsResult"] = earlier
        for name, value in later.items():
            known = earlier.get(name)
            if isinstance(known, list) and isinstance(value, list):
                known += value
            else:
                earlier[name] = value
    return merged
