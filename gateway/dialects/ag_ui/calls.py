"""Calls of the client's tools, as events. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import decode_inner
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import ToolCall
from gateway.upstreams.formats.sealed_reasoning import seal_call


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    head: bytes
    """JSON of its next arguments, up to their text."""
    pieces: list[bytes] = field(default_factory=list)
    """Its arguments, each piece the inside of a JSON string."""
    open: bool = True

    def arguments(self) -> JsonObject | None:
        """Return its arguments; None if they are not complete. Every call gets some, if only `{}` at its end."""
        try:
            value = decode_inner(orjson.loads(b'"%b"' % b"".join(self.pieces)))
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Calls:
    """Writes calls. One ends when another begins, if its arguments are complete until then.

    Providers may mix the pieces of parallel calls; then they overlap, which the protocol allows.
    """

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._calls: dict[int, _Call] = {}
        """Calls of the present text, by their index."""
        self._ids: set[str] = set()
        """Ids of all calls of the run: some providers give two calls one id."""

    def begin_text(self) -> None:
        """Forget the calls, all of which are closed: another text begins."""
        self._calls.clear()

    def add(self, call: ToolCall, message_id: str) -> list[ProjectedEvent]:
        """Return the events of a piece of a call."""
        events: list[ProjectedEvent] = []
        if call.index not in self._calls:
            events += self.end_complete()
            events += self._begin(call, message_id)
        begun = self._calls[call.index]
        if call.signature:
            value = seal_call(begun.id, call.signature)
            events.append(self._writer.encrypted_value("tool-call", begun.id, value))
        if call.arguments:
            events += self.add_arguments(call.index, orjson.dumps(call.arguments)[1:-1])
        return events

    def add_arguments(self, index: int, piece: bytes) -> list[ProjectedEvent]:
        """Return the event of a piece of arguments: the inside of a JSON string. Without a call, there is none."""
        call = self._calls.get(index)
        if call is None or not call.open or not piece:
            return []
        call.pieces.append(piece)
        return [ProjectedEvent(b'%b"%b"}' % (call.head, piece))]

    def end(self) -> list[ProjectedEvent]:
        """Return the ends of all calls that are open."""
        return [self._end(call, call.arguments()) for call in self._calls.values() if call.open]

    def end_complete(self) -> list[ProjectedEvent]:
        """Return the ends of the open calls whose arguments are complete: something else begins."""
        complete = [(call, arguments) for call in self._calls.values() if (arguments := call.arguments()) is not None]
        return [self._end(call, arguments) for call, arguments in complete if call.open]

    def complete_ids(self) -> Sequence[str]:
        """Return the ids of the calls whose arguments are complete."""
        return [call.id for call in self._calls.values() if call.arguments() is not None]

    def _begin(self, call: ToolCall, message_id: str) -> list[ProjectedEvent]:
        call_id = unique = call.id or f"{message_id}-call-{call.index}"
        number = 1
        while unique in self._ids:
            number += 1
            unique = f"{call_id}-{number}"
        self._ids.add(unique)
        head = self._writer.text_head("TOOL_CALL_ARGS", "toolCallId", unique)
        begun = self._calls[call.index] = _Call(unique, call.name or "", head)
        return [self._writer.call_start(unique, begun.name, message_id)]

    def _end(self, call: _Call, arguments: JsonObject | None) -> ProjectedEvent:
        call.open = False
        return self._writer.call_end(call.id, call.name, arguments)
