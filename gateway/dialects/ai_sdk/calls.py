"""Build the chunks of calls of the client's tools. Pure.

A call is complete when its answer is: providers may mix the pieces of parallel calls.
"""

from dataclasses import dataclass, field

import orjson
from pydantic import JsonValue

from gateway.dialects.ai_sdk.writer import chunk, own_metadata
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import decode_inner
from gateway.protocol.events import ToolCall


@dataclass(slots=True)
class _OpenCall:
    id: str
    name: str
    metadata: JsonValue
    arguments: list[str] = field(default_factory=list)


class Calls:
    """The calls of one text."""

    def __init__(self) -> None:
        self._calls: dict[int, _OpenCall] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: ToolCall) -> list[ProjectedEvent]:
        """Return the chunks of a delta of a call."""
        events: list[ProjectedEvent] = []
        begun = self._calls.get(call.index)
        if begun is None:
            begun = self._begin(call)
            events.append(
                chunk("tool-input-start", toolCallId=begun.id, toolName=begun.name, providerMetadata=begun.metadata)
            )
        elif call.signature is not None:
            begun.metadata = dict(own_metadata({"signature": call.signature}))
        if call.arguments:
            begun.arguments.append(call.arguments)
            events.append(chunk("tool-input-delta", toolCallId=begun.id, inputTextDelta=call.arguments))
        return events

    def finish(self) -> list[ProjectedEvent]:
        """Return the chunks by which the application gets all calls: the inputs as a whole."""
        calls, self._calls = self._calls, {}
        return [_whole(call) for _, call in sorted(calls.items())]

    def forget(self) -> None:
        """Forget the calls: their text is replaced."""
        self._calls.clear()

    def _begin(self, call: ToolCall) -> _OpenCall:
        self._number += 1
        metadata: JsonValue = dict(own_metadata({"signature": call.signature})) if call.signature else None
        begun = _OpenCall(call.id or f"call_{self._number}", call.name or "", metadata)
        self._calls[call.index] = begun
        return begun


def _whole(call: _OpenCall) -> ProjectedEvent:
    """Return the chunk of a complete call. Models write no arguments for a tool that takes none."""
    text = "".join(call.arguments)
    try:
        value: JsonValue = decode_inner(text) if text.strip() else {}
    except ValueError:
        error = "The model wrote arguments that are not JSON, or nested too deeply."
        named = {"toolCallId": call.id, "toolName": call.name, "input": text, "errorText": error}
        return chunk("tool-input-error", **named, providerMetadata=call.metadata)
    # Not by `chunk`: an input may be null.
    fields: dict[str, JsonValue] = {"toolCallId": call.id, "toolName": call.name, "input": value}
    if call.metadata is not None:
        fields["providerMetadata"] = call.metadata
    return ProjectedEvent(orjson.dumps({"type": "tool-input-available", **fields}))
