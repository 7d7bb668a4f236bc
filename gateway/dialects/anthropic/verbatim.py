"""Pass on the events of a provider with the same API, as they came. Pure."""

import re
from typing import Final

import orjson

from gateway.dialects.anthropic.writer import BLOCKS, DELTA, EventWriter, event_of
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import as_encodable, decode
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import index_of, object_of, objects_of

DELTA_HEADS: Final = (b'{"type":"content_block_delta"', b'{"type": "content_block_delta"')
"""How almost all events begin: those need not be decoded."""

_ENDS: Final = frozenset({"message_stop", "error"})

_STOP: Final = ProjectedEvent(b'{"type":"message_stop"}', b"message_stop")

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")

_BLOCKS: Final = {"text_delta": "text", "thinking_delta": "thinking"}
"""Types of the blocks of text by those of their deltas."""


class VerbatimEvents:
    """Passes events on, and records in the writer which blocks they open and close.

    The end of the message is held back until the generation has ended: until then, feedback may replace the answer, and
    another attempt may follow an error.
    """

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self.held: list[ProjectedEvent] = []
        """The end of the message, or an error, and what followed."""

    def add(self, line: bytes, out: list[ProjectedEvent]) -> None:
        """Append the event with this data to `out`, unless it is held back."""
        if line.startswith(DELTA_HEADS) and self._writer.open:
            self._release(out)
            out.append(ProjectedEvent(line, DELTA))
            return
        payload = _decode(line)
        kind = payload.get("type")
        # Not an event of this API, such as an error of llama.cpp. The name stands in a line of its own.
        if not (isinstance(kind, str) and _NAME.fullmatch(kind)):
            return
        if kind == "message":
            self._stream(as_encodable(payload), out)
            return
        event = ProjectedEvent(line, kind.encode())
        if kind in _ENDS or (kind == "message_delta" and object_of(payload.get("delta")).get("stop_reason")):
            self.held.append(event)
            return
        if kind.startswith("content_block_"):
            self._release(out)
            self._begin(kind, payload)
            out += self._writer.take()
        elif kind == "message_start" and self._writer.is_started:
            return
        elif self.held:
            self.held.append(event)
            return
        self._note(kind, payload)
        out.append(event)

    @property
    def has_end(self) -> bool:
        """Return True if the message has a stop reason."""
        return any(event.name == b"message_delta" for event in self.held)

    @property
    def has_error(self) -> bool:
        """Return True if the provider has sent an error."""
        return any(event.name == b"error" for event in self.held)

    def end(self) -> list[ProjectedEvent]:
        """Return the end of the message, after closing what the provider left open."""
        self._writer.start_message()
        self._writer.close_blocks()
        held, self.held = self.held, []
        stop = next((event for event in held if event.name == _STOP.name), _STOP)
        return [*self._writer.take(), *(event for event in held if event.name.decode() not in _ENDS), stop]

    def _release(self, out: list[ProjectedEvent]) -> None:
        """Pass on what was held back: content follows it, so it was not the end. Some servers send it early."""
        if self.held:
            out += self.held
            self.held = []

    def _stream(self, message: JsonObject, out: list[ProjectedEvent]) -> None:
        """Pass on a whole message as events: its server does not stream, and no library takes it as one of them."""
        writer, content = self._writer, message.get("content")
        if not writer.is_started:
            writer.note_start()
            writer.write({"type": "message_start", "message": {**message, "content": [], "stop_reason": None}})
        blocks: list[JsonObject] = (
            [{"type": "text", "text": content}] if isinstance(content, str) else objects_of(content)
        )
        for block in blocks:
            kind = str(block.get("type"))
            if kind in BLOCKS and isinstance(text := block.get(kind), str):
                index = writer.open_block({**block, kind: ""})
                writer.text(index, orjson.dumps(text))
                writer.close(index)
            elif kind == "tool_use":
                index = writer.open_block({**block, "input": {}})
                writer.text(index, orjson.dumps(orjson.dumps(block.get("input") or {}).decode()))
                writer.close(index)
            else:
                writer.whole_block({**block, "type": kind})
        out += writer.take()
        delta: JsonObject = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
        self.held.append(event_of({"type": "message_delta", "delta": delta, "usage": message.get("usage") or {}}))

    def _begin(self, kind: str, payload: JsonObject) -> None:
        """Begin what the provider did not: the message, or the block of a piece of text. Libraries raise without it."""
        self._writer.start_message()
        block, index = _BLOCKS.get(str(object_of(payload.get("delta")).get("type"))), index_of(payload.get("index"))
        if kind == "content_block_delta" and block is not None and index is not None and index not in self._writer.open:
            self._writer.begin_block(dict(BLOCKS[block]), index)

    def _note(self, kind: str, payload: JsonObject) -> None:
        index = index_of(payload.get("index"))
        if kind == "message_start":
            self._writer.note_start()
        elif kind == "content_block_start" and index is not None:
            self._writer.note_block(index, str(object_of(payload.get("content_block")).get("type")))
        elif kind == "content_block_stop" and index is not None:
            self._writer.note_stop(index)


def _decode(line: bytes) -> JsonObject:
    try:
        return decode(line)
    except ValueError:
        return {}
