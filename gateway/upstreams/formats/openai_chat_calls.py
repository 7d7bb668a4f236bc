"""Read the deltas of tool calls in chat completions, and number the calls. Pure.

The documentation says that a call's first delta has its id and name, and that `index` joins the others to it. Servers
differ: no index, the same one for all calls, an id in each delta or a new one, the whole call again at the end.
"""

from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import ToolCall
from gateway.upstreams.formats.call_ids import generate_call_id
from gateway.upstreams.formats.json_values import SurrogateJoiner, index_of, object_of, text_of, to_json
from gateway.upstreams.formats.thought_signatures import call_signature

NO_ARGUMENTS: Final = "{}"


@dataclass(slots=True)
class _Call:
    index: int
    id: str
    name: str | None
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    """Characters of all pieces."""
    is_held: bool = False
    """`{}` came, and is held back: in some servers it stands for arguments that follow."""

    @property
    def has_arguments(self) -> bool:
        return self.is_held or bool(self.pieces)

    def repeats(self, text: str) -> bool:
        """Return True if a text is the whole arguments again. Nearly always, its length says that it is not."""
        return len(text) == self.length and self.is_complete and text == "".join(self.pieces)

    @property
    def is_complete(self) -> bool:
        """Return True if the arguments are a whole JSON object."""
        if self.is_held:
            return True
        if not (self.pieces and self.pieces[-1].rstrip().endswith("}")):
            return False
        # Joined once: a call may come in a hundred thousand pieces.
        self.pieces = ["".join(self.pieces)]
        try:
            return isinstance(orjson.loads(self.pieces[0]), dict)
        except orjson.JSONDecodeError:
            return False


@dataclass(slots=True)
class ToolCalls:
    """The tool calls of one response, numbered from 0 in the order in which they begin."""

    _surrogates: SurrogateJoiner
    _calls: list[_Call] = field(default_factory=list)
    _by_position: dict[int, _Call] = field(default_factory=dict)
    _by_id: dict[str, _Call] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._calls)

    def read(self, delta: JsonObject, response_id: str) -> ToolCall | None:
        """Return the event of one delta; None if it brings nothing: then it is a heartbeat at best, and no content."""
        # Some servers put the name and the arguments beside the id, as OpenAI's Responses do.
        function = object_of(delta.get("function")) or object_of(delta.get("custom")) or delta
        # An empty id or name means nothing.
        call_id, name = text_of(delta.get("id")) or None, text_of(function.get("name")) or None
        text = _arguments(function.get("arguments", function.get("input")))
        if not (call_id or name or text):
            return None
        position = index_of(delta.get("index"))
        call = self._find(position, call_id)
        begins = call is None or _begins(call, call_id, name, text)
        if call is None or begins:
            own_id = call_id or generate_call_id(response_id, len(self._calls))
            call = _Call(len(self._calls), own_id, name)
            self._calls.append(call)
            self._by_id.setdefault(own_id, call)
            if position is not None:
                self._by_position[position] = call
        elif call.repeats(text):
            return None
        late_name = name if call.name is None else None
        call.name = call.name or name
        text = self._add(call, text)
        signature = call_signature(delta) or None
        if begins:
            return ToolCall(call.index, call.id, call.name, text, signature)
        return ToolCall(call.index, None, late_name, text, signature) if text or late_name or signature else None

    def close(self) -> list[ToolCall]:
        """Return the arguments of the calls that have none: they must be JSON all the same."""
        empty = [call for call in self._calls if not call.pieces]
        for call in empty:
            call.pieces, call.length, call.is_held = [NO_ARGUMENTS], len(NO_ARGUMENTS), False
        return [ToolCall(call.index, None, None, NO_ARGUMENTS) for call in empty]

    def _find(self, position: int | None, call_id: str | None) -> _Call | None:
        """Return the call that a delta may belong to: by its index, else by its id, else the last one."""
        if position is not None:
            return self._by_position.get(position)
        if call_id is not None:
            return self._by_id.get(call_id)
        return self._calls[-1] if self._calls else None

    def _add(self, call: _Call, text: str) -> str:
        """Add arguments to a call, and return what of them clients get now."""
        if text == NO_ARGUMENTS and not call.has_arguments:
            call.is_held = True
            return ""
        call.is_held = call.is_held and not text
        if text:
            call.pieces.append(text)
            call.length += len(text)
        return self._surrogates.join(("tool", call.index), text)


def _begins(call: _Call, call_id: str | None, name: str | None, text: str) -> bool:
    """Return True if a delta under the index of `call` begins another one.

    A new id alone does not: some servers make a new one for each delta. With a name, it does if that is another one, or
    if the arguments so far leave nothing open.
    """
    if name is None or call.name is None or call_id == call.id or not (call_id or text):
        return False
    return name != call.name or call.is_complete or (call_id is not None and not call.has_arguments)


def _arguments(value: JsonValue) -> str:
    # Some servers send the arguments as an object, in place of its JSON text.
    if isinstance(value, str):
        return value
    return "" if value is None or value == {} else to_json(value)
