"""A response that is not streamed, made of the events of a whole log. Pure."""

from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import decode, decode_encodable
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of

_ENDS: Final = frozenset({b"response.completed", b"response.incomplete", b"response.failed"})


def document(events: Iterable[ProjectedEvent]) -> JsonObject:
    """Return the response in the last event; its items are those of the events if it repeats none of them."""
    items: list[JsonValue] = []
    response: JsonObject = {}
    for event in events:
        if event.name == b"response.output_item.done":
            items.append(decode_encodable(event.data).get("item"))
        elif event.name in _ENDS:
            response = object_of(decode(event.data).get("response"))
    if not response.get("output"):
        response["output"] = items
    return response
