"""Calls of the client's tools, as blocks of a message. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from gateway.dialects.anthropic.writer import EventWriter
from gateway.protocol.events import ToolCall
from gateway.upstreams.formats.sealed_reasoning import seal_call


@dataclass(slots=True)
class _OpenCall:
    block: int
    arguments: list[bytes] = field(default_factory=list)
    """Pieces of its input, each the inside of a JSON string."""


class Calls:
    """Writes `tool_use` blocks. A block is closed when the next call begins, if its input is complete until then.

    Providers may mix the pieces of parallel calls; then their blocks overlap, as those of llama.cpp do.
    """

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._calls: dict[int, _OpenCall] = {}

    def forget(self) -> None:
        """Forget the calls: a new text begins, or another block."""
        self._calls.clear()

    def add(self, call: ToolCall) -> None:
        """Write a delta of a call."""
        if call.signature:
            # Before the call itself, as thinking stands before it.
            self._writer.whole_block(
                {
                    "type": "redacted_thinking",
                    "data": seal_call(call.id or "", call.signature),
                }
            )
        if call.index not in self._calls:
            self._begin(call)
        if call.arguments:
            self.add_arguments(call.index, orjson.dumps(call.arguments)[1:-1])

    def add_arguments(self, index: int, piece: bytes) -> None:
        """Write a piece of a call's input: the inside of a JSON string. What belongs to no call is left out."""
        call = self._calls.get(index)
        if call is not None and call.block in self._writer.open:
            call.arguments.append(piece)
            self._writer.text(call.block, b'"%b"' % piece)

    def _begin(self, call: ToolCall) -> None:
        for other in self._calls.values():
            if other.block in self._writer.open and _is_complete(other.arguments):
                self._writer.close(other.block)
        if not any(other.block in self._writer.open for other in self._calls.values()):
            self._writer.close_blocks()
        call_id, name = call.id or f"toolu_{call.index}", call.name or ""
        block = self._writer.begin_block({"type": "tool_use", "id": call_id, "name": name, "input": {}})
        self._calls[call.index] = _OpenCall(block)


def _is_complete(pieces: Sequence[bytes]) -> bool:
    """Return True if the pieces of an input are a JSON object. Every call gets some, if only `{}` at its end."""
    try:
        return isinstance(orjson.loads(orjson.loads(b'"%b"' % b"".join(pieces))), dict)
    except orjson.JSONDecodeError:
        return False
