"""What a model adds to the starts of pages: its system prompt, its options and its tools. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue

from gateway.protocol.commands import StartRequest
from gateway.protocol.messages import Message
from gateway.protocol.options import merge
from gateway.protocol.validation import JsonObject


@dataclass(frozen=True, slots=True)
class StartDefaults:
    """What a model adds to a start.

    The system prompt precedes all messages, those of the client with a system prompt included: a page can't take it
    back. An option applies where the client sets none. Tools are added to those of the client. Of two with the same
    name the model's counts: pages declare, by name, the functions that they can run.
    """

    system: Message | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """Those of a start, under their names there, and valid; `tools` apart."""
    tools: Sequence[JsonObject] = ()

    @classmethod
    def of(cls, system: str | None, options: Mapping[str, JsonValue]) -> "StartDefaults":
        """Return the defaults of a system prompt, and of options among which are the tools."""
        others = {name: value for name, value in options.items() if name != "tools"}
        tools = cast("list[JsonObject]", options.get("tools") or [])
        return cls(None if system is None else Message(role="system", content=system), others, tuple(tools))

    def apply(self, request: StartRequest) -> StartRequest:
        """Return a start with what it does not set itself."""
        changed: dict[str, object] = {}
        if self.system is not None:
            changed["messages"] = [self.system, *request.messages]
        if (self.options or self.tools) and (added := self._added_options(request)):
            changed["options"] = request.options.model_copy(update=added)
        return request.model_copy(update=changed) if changed else request

    def _added_options(self, request: StartRequest) -> dict[str, object]:
        added: dict[str, object] = {}
        if self.options:
            # Merged: `max_completion_tokens` is another name of `max_tokens`.
            given = merge((), request.options)
            added = {name: value for name, value in self.options.items() if name not in given}
        if self.tools:
            ours = {_name(tool): tool for tool in self.tools}
            theirs = [ours.pop(_name(tool), tool) for tool in request.options.tools or ()]
            added["tools"] = [*theirs, *ours.values()]
        return added


def _name(tool: JsonObject) -> JsonValue:
    """Return the name of a function; None for another tool."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None
