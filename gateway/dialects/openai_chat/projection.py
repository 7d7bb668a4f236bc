"""The log of a generation as chunks of a chat completion."""

from collections.abc import Sequence
from typing import Final

import orjson

from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import TEXT_PREFIX, Chunk, Complete, Error, Interrupted

DONE: Final = ProjectedEvent(b"[DONE]")

_TEXT_START: Final = len(TEXT_PREFIX[Chunk])


class ChatProjection:
    """Turns a log into `chat.completion.chunk` objects; see `Projection`."""

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        options = start.call.body.get("stream_options")
        self._include_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._head: JsonObject = {
            "id": f"chatcmpl-{identity.generation_id}",
            "object": "chat.completion.chunk",
            "created": identity.created,
            "model": identity.model,
        }
        prefix = orjson.dumps({**self._head, "choices": []})
        self._text_prefix = prefix[:-2] + b'{"index":0,"delta":{"content":'
        self._text_suffix = b'},"logprobs":null,"finish_reason":null}]}'
        self._has_role = False

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if entry.kind is Chunk:
            # The JSON string of the text is copied as it is.
            chunk = ProjectedEvent(self._text_prefix + entry.data[_TEXT_START:-1] + self._text_suffix)
            return (chunk,) if self._has_role else (self._role(), chunk)
        if entry.kind is Complete or entry.kind is Interrupted:
            return self._end("stop")
        if entry.kind is Error:
            self.is_cut = True
        return ()

    def _role(self) -> ProjectedEvent:
        self._has_role = True
        return self._chunk({"role": "assistant", "content": ""}, None)

    def _chunk(self, delta: JsonObject, finish_reason: str | None) -> ProjectedEvent:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return ProjectedEvent(orjson.dumps({**self._head, "choices": [choice]}))

    def _end(self, finish_reason: str) -> Sequence[ProjectedEvent]:
        return (self._chunk({}, finish_reason), DONE)
