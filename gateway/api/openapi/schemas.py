"""The schemas of all bodies: requests as they are parsed, answers and events as they are sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from gateway.api.openapi import response_bodies
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, JsonObject, StartRequest, TicketRequest
from gateway.protocol.events import Event

REQUESTS: Final[Sequence[type]] = (StartRequest, InterruptRequest, FeedbackRequest, TicketRequest)
ANSWERS: Final[Sequence[type]] = (
    response_bodies.Refusal,
    response_bodies.Started,
    response_bodies.Snapshot,
    response_bodies.Interrupting,
    response_bodies.FeedbackTaken,
    response_bodies.Ticket,
    response_bodies.ModelsServed,
    response_bodies.Model,
    response_bodies.ModelList,
    response_bodies.OpenAIRefusal,
    response_bodies.Stats,
    response_bodies.Health,
    response_bodies.Ready,
)

_TEMPLATE: Final = "#/components/schemas/{model}"
_SPELLED: Final = {"from_seq": "from", "to_seq": "to"}
"""Fields that are sent under a name that Python keeps for itself, and its fellow."""


class _Generator(GenerateJsonSchema):
    """Leaves out titles, which only repeat names, and what a default leaves open; an answer has all of its fields."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def encode_default(self, dft: object) -> object:
        return dft.model_dump(exclude_unset=True) if isinstance(dft, BaseModel) else super().encode_default(dft)

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,  # noqa: FBT001 - pydantic's own signature
    ) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


def ref(kind: type | str) -> JsonObject:
    """Refer to the schema of a class, or to one by its name."""
    return {"$ref": _TEMPLATE.format(model=kind if isinstance(kind, str) else kind.__name__)}


def schemas() -> JsonObject:
    """Give the components, by name."""
    found, events = _made(), get_args(Event)
    # Without keys there is none.
    found["Started"]["required"].remove("ticket")
    named = {event.type: f"{event.__name__}Event" for event in events}
    spelled = {named[event.type]: _event(event.type, found[event.__name__]) for event in events}
    # Feedback stands in a snapshot, too, without a type.
    untyped = {event.__name__ for event in events} - {"Feedback"}
    kept = {name: schema for name, schema in found.items() if name not in untyped}
    return {
        **dict(sorted({**kept, **spelled}.items())),
        "Event": _any_of(named),
        "Frame": _frame(),
        "Text": {"type": "string"},
        "Description": {"type": "object", "description": "An OpenAPI document."},
    }


def _made() -> dict[str, dict[str, Any]]:
    """Have pydantic make the schema of each class, and of those that they are made of."""
    asked: list[tuple[str, JsonSchemaMode, TypeAdapter[object]]] = [
        *((kind.__name__, "validation", TypeAdapter(kind)) for kind in REQUESTS),
        *((kind.__name__, "serialization", TypeAdapter(kind)) for kind in (*ANSWERS, *get_args(Event))),
    ]
    _, made = TypeAdapter.json_schemas(asked, ref_template=_TEMPLATE, schema_generator=_Generator)
    found: dict[str, dict[str, Any]] = made["$defs"]
    for schema in found.values():
        schema.pop("title", None)
    return found


def _event(name: str, fields: Mapping[str, Any]) -> JsonObject:
    """Give an event's schema as it is sent: its type first, then its fields."""
    properties = {_SPELLED.get(field, field): schema for field, schema in fields["properties"].items()}
    if "code" in properties:
        properties["code"] = ref("Code")
    properties = {"type": {"const": name, "type": "string"}, **properties}
    return {**fields, "properties": properties, "required": list(properties)}


def _any_of(named: Mapping[str, str]) -> JsonObject:
    mapping = {name: _TEMPLATE.format(model=schema) for name, schema in named.items()}
    return {
        "description": "What happened, as one JSON object; `type` tells what.",
        "oneOf": [{"$ref": target} for target in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": {**mapping}},
    }


def _frame() -> JsonObject:
    return {
        "type": "object",
        "description": (
            "One frame of a stream: this schema is that of each frame, not of the body. `id` is the position to come "
            "back with, `event` the type of the event, left out for a `chunk`; the first frame has a `retry`."
        ),
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "retry": {"type": "integer", "minimum": 0},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": ref("Event")},
        },
        "required": ["data"],
    }
