"""Write the events of one message, block by block (docs.anthropic.com, "Streaming Messages"). Pure."""

from collections.abc import Sequence
from typing import Final

import orjson

from gateway.dialects.anthropic.usage import start_usage
from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.protocol.commands import JsonObject

DELTA: Final = b"content_block_delta"

BLOCKS: Final[dict[str, JsonObject]] = {
    "text": {"type": "text", "text": "", "citations": None},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
"""Blocks of text as they begin."""

DELTAS: Final = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
"""Type of the deltas that continue a block, and the field of their text, by the type of the block."""

WITH_INPUT: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""Types of the blocks that are calls."""

TEXT_END: Final = b"}}"
"""End of the JSON of a delta, after its text."""


def event_of(payload: JsonObject) -> ProjectedEvent:
    """Return an event, which is named by the type of its payload."""
    return ProjectedEvent(orjson.dumps(payload), str(payload["type"]).encode())


class EventWriter:
    """Appends the events of one message to `out`, and knows which of its blocks are open.

    The blocks may have been opened by the provider's own events: what follows goes on in the last one, if it has the
    same type, and else in a new block.
    """

    def __init__(self, identity: ResponseIdentity) -> None:
        self.is_started = self.has_text = False
        self.open: dict[int, str] = {}
        """Types of the open blocks by their index, the newest last."""
        self._identity = identity
        self._next_index = 0
        self._out: list[ProjectedEvent] = []

    def take(self) -> list[ProjectedEvent]:
        """Return the events since the last time."""
        out, self._out = self._out, []
        return out

    # What the provider's own events did.

    def note_start(self) -> None:
        """Record that the message has begun."""
        self.is_started = True

    def note_block(self, index: int, kind: str) -> None:
        """Record that a block was opened."""
        self.open[index] = kind
        self.has_text = self.has_text or kind == "text"
        self._next_index = max(self._next_index, index + 1)

    def note_stop(self, index: int) -> None:
        """Record that a block was closed."""
        self.open.pop(index, None)

    # What we write ourselves.

    def start_message(self) -> None:
        """Begin the message, unless it has begun."""
        if self.is_started:
            return
        self.is_started = True
        generation_id, model, _ = self._identity
        message: JsonObject = {
            "id": "msg_" + generation_id.removeprefix("g_"),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "container": None,
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": start_usage(),
        }
        self.write({"type": "message_start", "message": message})

    def write(self, payload: JsonObject) -> None:
        """Append an event."""
        self._out.append(event_of(payload))

    def enter(self, kind: str) -> int:
        """Return the index of an open block of text of this type: the last one, or a new one."""
        if self.open:
            index, last = next(reversed(self.open.items()))
            if last == kind:
                return index
        return self.open_block(dict(BLOCKS[kind]))

    def open_block(self, block: JsonObject) -> int:
        """Open a block, after closing the others, and return its index."""
        self.close_blocks()
        return self.begin_block(block)

    def begin_block(self, block: JsonObject, index: int | None = None) -> int:
        """Open a block beside those that are open, and return its index: the next one, unless it is given."""
        self.start_message()
        index = self._next_index if index is None else index
        self.note_block(index, str(block["type"]))
        self.write({"type": "content_block_start", "index": index, "content_block": block})
        return index

    def whole_block(self, block: JsonObject) -> None:
        """Write a block that has no deltas."""
        self.close(self.open_block(block))

    def delta(self, index: int, delta: JsonObject) -> None:
        """Continue a block."""
        self.write({"type": DELTA.decode(), "index": index, "delta": delta})

    def text(self, index: int, text: bytes) -> None:
        """Continue a block with text, as a JSON string."""
        self._out.append(ProjectedEvent(self.text_head(index) + text + TEXT_END, DELTA))

    def text_head(self, index: int) -> bytes:
        """Return the JSON of a delta of text, up to its text."""
        kind, field = DELTAS[self.open[index]]
        return b'{"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":' % (
            *(index, kind.encode(), field.encode()),
        )

    def empty_delta(self) -> Sequence[ProjectedEvent]:
        """Return a delta of the newest open block that adds nothing; none if there is no such block."""
        index, kind = next(reversed(self.open.items()), (0, ""))
        return (ProjectedEvent(self.text_head(index) + b'""' + TEXT_END, DELTA),) if kind in DELTAS else ()

    def close(self, index: int) -> None:
        """Close a block."""
        self.note_stop(index)
        self.write({"type": "content_block_stop", "index": index})

    def close_blocks(self) -> None:
        """Close all blocks."""
        for index in list(self.open):
            self.close(index)

    def abandon_blocks(self) -> None:
        """Close the blocks of text. A call whose input is not complete stays open, so that no client runs it."""
        for index, kind in list(self.open.items()):
            if kind in WITH_INPUT:
                self.note_stop(index)
            else:
                self.close(index)

    def end_message(
        self, stop_reason: str, usage: JsonObject, extra: JsonObject, facts: JsonObject | None = None
    ) -> None:
        """End the message. `extra` are fields that are not of this API, which clients ignore."""
        self.start_message()
        delta: JsonObject = {"stop_reason": stop_reason, "stop_sequence": None, **(facts or {})}
        self.write({"type": "message_delta", "delta": delta, "usage": usage, **extra})
        self.write({"type": "message_stop"})
