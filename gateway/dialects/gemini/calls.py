"""Collect the pieces of function calls until they are whole. Pure."""

from dataclasses import dataclass, field

from gateway.dialects.json_data import decode_inner
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Event, ToolCall


@dataclass(slots=True)
class _Call:
    id: str | None = None
    name: str = ""
    signature: str | None = None
    pieces: list[str] = field(default_factory=list)


class Calls:
    """The calls of one answer that have not been sent yet."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, delta: Event) -> None:
        """Add a piece of a call."""
        if not isinstance(delta, ToolCall):
            return
        call = self._calls.setdefault(delta.index, _Call())
        call.id, call.name = delta.id or call.id, delta.name or call.name
        call.signature = delta.signature or call.signature
        call.pieces.append(delta.arguments)

    def complete(self) -> list[JsonObject]:
        """Return the parts of the calls whose arguments are complete, in order, and forget them.

        A call that the end of the answer cut off stays: it can not be executed. Every call gets arguments, if only
        `{}` at its end.
        """
        parts: list[JsonObject] = []
        for index, call in sorted(self._calls.items()):
            arguments = _object("".join(call.pieces))
            if arguments is not None:
                del self._calls[index]
                function: JsonObject = {**({"id": call.id} if call.id else {}), "name": call.name, "args": arguments}
                signed: JsonObject = {"thoughtSignature": call.signature} if call.signature else {}
                parts.append({"functionCall": function, **signed})
        return parts


def _object(text: str) -> JsonObject | None:
    try:
        value = decode_inner(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
