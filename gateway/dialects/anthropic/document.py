"""A message that is not streamed, made of its events. Pure.

It is put together as Anthropic's own SDKs do (anthropic-sdk-python, `lib/streaming/_messages.py`), but keeps fields and
deltas that are not known here.
"""

from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue

from gateway.dialects.anthropic.writer import WITH_INPUT
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import as_encodable, decode, decode_inner
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import index_of, list_of, object_of

_TEXT_OF: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Field of a block that a delta continues, by the type of the delta."""

_OF_EVENT: Final = frozenset({"type", "delta", "usage"})


def document(events: Iterable[ProjectedEvent]) -> JsonObject:
    """Return the message that the events add up to."""
    message: JsonObject = {}
    blocks: list[_Block] = []
    by_index: dict[int | None, _Block] = {}
    for event in events:
        payload = decode(event.data)
        match payload.get("type"):
            case "message_start":
                message, blocks, by_index = {**object_of(payload.get("message"))}, [], {}
            case "content_block_start":
                blocks.append(_Block(object_of(payload.get("content_block"))))
                # Some servers use one index for all blocks: the newest one goes on.
                by_index[index_of(payload.get("index"))] = blocks[-1]
            case "content_block_delta" if (block := by_index.get(index_of(payload.get("index")))) is not None:
                block.add(object_of(payload.get("delta")))
            case "content_block_stop" if (block := by_index.get(index_of(payload.get("index")))) is not None:
                block.is_closed = True
            case "message_delta":
                _end(message, payload)
    content = [*list_of(message.get("content")), *(block.block() for block in blocks if block.is_whole)]
    return as_encodable({**message, "content": content})


def _end(message: JsonObject, payload: JsonObject) -> None:
    """Add the end of a message: its stop reason, what else its delta holds, and the totals of its usage."""
    message |= {name: value for name, value in payload.items() if name not in _OF_EVENT}
    message |= object_of(payload.get("delta"))
    figures = {name: value for name, value in object_of(payload.get("usage")).items() if value is not None}
    message["usage"] = {**object_of(message.get("usage")), **figures}


class _Block:
    """A block and the pieces that continue it. Texts are joined once: a long answer has many."""

    def __init__(self, block: JsonObject) -> None:
        self.is_closed = False
        self._block = {**block}
        self._texts: dict[str, list[str]] = {}
        self._input: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Return False for a call that was abandoned: no client may run it."""
        return self.is_closed or self._block.get("type") not in WITH_INPUT

    def add(self, delta: JsonObject) -> None:
        """Add a delta. Of one that is not known, texts are joined, and anything else replaces what was there."""
        kind = str(delta.get("type"))
        if kind == "input_json_delta":
            self._input.append(str(delta.get("partial_json")))
        elif kind == "citations_delta":
            self._block["citations"] = [*list_of(self._block.get("citations")), delta.get("citation")]
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
        return decode_inner(text)
    except ValueError:
        return {"invalid_json": text}
