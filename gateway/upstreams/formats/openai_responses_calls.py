"""Read the tool calls of OpenAI's Responses API, and number them. Pure.

The arguments of a call come several times: as deltas, then complete in a `done` event, in its item, in the response.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import ToolCall
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.errors.failures import unreadable
from gateway.upstreams.formats.json_values import SurrogateJoiner, text_of, to_json

CALLS: Mapping[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Types of items that are tool calls, and the field that holds their arguments."""


@dataclass(slots=True)
class StreamedCalls:
    """The tool calls of one response, numbered from 0 in the order in which they begin.

    The first type of event that contains the arguments of a call is their source; all other types are ignored.
    """

    _surrogates: SurrogateJoiner
    _types: list[str] = field(default_factory=list)
    _indexes: dict[str | int, int] = field(default_factory=dict)
    """Index of a call by its call id, its item's id, and its `output_index`."""
    _sources: dict[int, str] = field(default_factory=dict)
    """Type of the event that the arguments of a call are taken from, by its index."""

    def __len__(self) -> int:
        return len(self._types)

    def begin(self, kind: str, item: JsonObject, output_index: JsonValue, events: list[UpstreamEvent]) -> int:
        """Return the index of a call among the calls; append the beginning of a new one."""
        call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
        if not call_id:
            raise unreadable("a tool call has no id")
        index = self._indexes.get(call_id)
        if index is None:
            index = len(self._types)
            self._types.append(kind)
            events.append(ToolCall(index, call_id, text_of(item.get("name")) or None, ""))
        for key in (call_id, item.get("id"), output_index):
            if isinstance(key, str | int):
                self._indexes[key] = index
        return index

    def find(self, event: JsonObject) -> int:
        """Return the index of the call that arguments belong to: by the item's id, its place, or else the last call."""
        for key in (event.get("item_id"), event.get("output_index")):
            if isinstance(key, str | int) and key in self._indexes:
                return self._indexes[key]
        if not self._types:
            raise unreadable("arguments belong to no tool call")
        return len(self._types) - 1

    def append_arguments(self, index: int, source: str, value: JsonValue, events: list[UpstreamEvent]) -> None:
        """Append a piece of a call's arguments from this type of event, unless it repeats those of another type."""
        # Some servers send the complete arguments as an object, in place of its JSON text.
        text = to_json(value) if isinstance(value, dict) else require_text(value)
        is_source = text and self._sources.setdefault(index, source) == source
        if is_source and (complete := self._surrogates.join(index, text)):
            events.append(ToolCall(index, None, None, complete))

    def end(self, index: int, events: list[UpstreamEvent]) -> None:
        """Append the arguments of a call without any: they must be JSON. The input of a custom tool is any text."""
        if index not in self._sources and self._types[index] == "function_call":
            self.append_arguments(index, "none", "{}", events)


def require_text(value: JsonValue) -> str:
    """Return a text; "" if there is none.

    Raises:
        Failed: `upstream_protocol`, if it is something else.
    """
    if value and not isinstance(value, str):
        raise unreadable("a text is not a string")
    return value if isinstance(value, str) else ""
