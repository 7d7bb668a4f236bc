"""A message that is not streamed, made of its events. Pure.

It is put together as Anthropic's own SDKs do (anthropic-sdk-python, `lib/streaming/_messages.py`), but keeps fields and
deltas that are not known here.
"""

from collections.abc import Iterable
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import as_encodable, decode
from gateway.protocol.commands import JsonObject

_TEXT_OF: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Field of a block that a delta continues, by the type of the delta."""

_OF_EVENT: Final = frozenset({"type", "delta", "usage"})


def document(events: Iterable[ProjectedEvent]) -> JsonObject:
    """Return the message that the events add up to."""
    message: JsonObject = {}
    blocks: dict[int, _Block] = {}
    for event in events:
        payload = decode(event.data)
        match payload.get("type"):
            case "message_start":
                message, blocks = {**payload["message"]}, {}
            case "content_block_start":
                blocks[payload["index"]] = _Block(payload["content_block"])
            case "content_block_delta" if payload["index"] in blocks:
                blocks[payload["index"]].add(payload["delta"])
            case "message_delta":
                _end(message, payload)
    began = message.get("content")
    content = [*(began if isinstance(began, list) else ()), *(blocks[index].block() for index in sorted(blocks))]
    return as_encodable({**message, "content": content})


def _end(message: JsonObject, payload: JsonObject) -> None:
    """Add the end of a message: its stop reason, what else its delta holds, and the totals of its usage."""
    delta, usage, began = payload.get("delta"), payload.get("usage"), message.get("usage")
    message |= {name: value for name, value in payload.items() if name not in _OF_EVENT}
    message |= delta if isinstance(delta, dict) else {}
    figures = {name: value for name, value in usage.items() if value is not None} if isinstance(usage, dict) else {}
    message["usage"] = {**(began if isinstance(began, dict) else {}), **figures}


class _Block:
    """A block and the pieces that continue it. Texts are joined once: a long answer has many."""

    def __init__(self, block: JsonObject) -> None:
        self._block = {**block}
        self._texts: dict[str, list[str]] = {}
        self._input: list[str] = []

    def add(self, delta: JsonObject) -> None:
        """Add a delta. Of one that is not known, texts are joined, and anything else replaces what was there."""
        kind = str(delta.get("type"))
        if kind == "input_json_delta":
            self._input.append(str(delta.get("partial_json")))
        elif kind == "citations_delta":
            citations = self._block.get("citations")
            self._block["citations"] = [*(citations if isinstance(citations, list) else ()), delta.get("citation")]
        elif kind in _TEXT_OF:
            self._add_text(_TEXT_OF[kind], delta.get(_TEXT_OF[kind]))
        else:
            for name, value in delta.items():
                if name != "type":
                    self._add_text(name, value)

    def _add_text(self, name: str, value: JsonValue) -> None:
        before = self._block.get(name)
        if isinstance(value, str) and isinstance(before, str | None):
            self._texts.setdefault(name, [before or ""]).append(value)
        else:
            self._block[name] = value

    def block(self) -> JsonObject:
        """Return the block."""
        block = {**self._block, **{name: "".join(pieces) for name, pieces in self._texts.items()}}
        if self._input and (text := "".join(self._input)):
            block["input"] = _parse(text)
        return block


def _parse(text: str) -> JsonValue:
    """Return the input of a tool; an input that is not complete becomes the text that it is."""
    try:
        value: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"invalid_json": text}
    return value
