"""A chat completion that is not streamed, made of its chunks."""

from collections.abc import Iterable

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.protocol.commands import JsonObject


def document(events: Iterable[ProjectedEvent]) -> JsonObject:
    """Return the chat completion that the chunks add up to."""
    pieces: list[str] = []
    completion: JsonObject = {}
    for event in events:
        if event.data == b"[DONE]":
            continue
        chunk = orjson.loads(event.data)
        completion |= {name: chunk[name] for name in ("id", "created", "model")}
        pieces.extend(delta["delta"].get("content") or "" for delta in chunk["choices"])
    message: JsonObject = {"role": "assistant", "content": "".join(pieces)}
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**completion, "object": "chat.completion", "choices": [choice]}
