"""JSON schemas of all bodies: requests as they are parsed, responses and events as they are sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from gateway.api.admin.bodies import ChangeKey, CreateKey, RaiseBudget, ResetBudget
from gateway.api.openapi import response_bodies
from gateway.api.openapi.admin_bodies import ADMIN_RESPONSES
from gateway.api.openapi.console_bodies import CONSOLE_RESPONSES
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, JsonObject, StartRequest, TicketRequest
from gateway.protocol.events import Error, Event, Part, Reasoning, SignedReasoning, ToolCall

REQUESTS: Final[Sequence[type]] = (
    *(StartRequest, InterruptRequest, FeedbackRequest, TicketRequest),
    *(CreateKey, ChangeKey, ResetBudget, RaiseBudget),
)
RESPONSES: Final[Sequence[type]] = (
    response_bodies.Refusal,
    response_bodies.RunningGenerations,
    response_bodies.Started,
    response_bodies.Snapshot,
    response_bodies.Interrupting,
    response_bodies.FeedbackTaken,
    response_bodies.Ticket,
    response_bodies.ModelsServed,
    response_bodies.Stats,
    response_bodies.Health,
    response_bodies.Ready,
    *ADMIN_RESPONSES,
    *CONSOLE_RESPONSES,
)

_TEMPLATE: Final = "#/components/schemas/{model}"
_WIRE_NAMES: Final = {"from_seq": "from", "to_seq": "to"}
"""Names on the wire of fields that have another name in Python, where `from` is a keyword."""


_STRING: Final[JsonObject] = {"type": "string"}
_OPTIONAL_FIELDS: Final[Mapping[type[Event], Mapping[str, JsonObject]]] = {
    Reasoning: {"signature": _STRING, "format": _STRING},
    ToolCall: {"signature": _STRING},
    # Only the refusal of an EventSource's request has it.
    Error: {"param": {"type": ["string", "null"]}},
}
"""Fields of events that are not always present, with their schemas."""


class _Generator(GenerateJsonSchema):
    """Schema generator that omits titles (they repeat names) and unset fields of defaults.

    In responses every field is required: the gateway always sends all of them.
    """

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
    """Return a reference to the schema of a class, or to the schema with this name."""
    return {"$ref": _TEMPLATE.format(model=kind if isinstance(kind, str) else kind.__name__)}


def schemas() -> JsonObject:
    """Return the schema components by name."""
    generated = _generate()
    # Two classes of the type `reasoning` have one schema.
    events = [event for event in get_args(Event) if event is not SignedReasoning]
    # A gateway without keys issues no ticket with a start.
    generated["Started"]["required"].remove("ticket")
    names = {event.type: f"{event.__name__}Event" for event in events}
    typed = {names[event.type]: _event(event, generated) for event in events}
    # Feedback is also part of a snapshot, where it has no `type`: it keeps its untyped schema as well.
    untyped = {event.__name__ for event in get_args(Event)} - {"Feedback"}
    kept = {name: schema for name, schema in generated.items() if name not in untyped}
    return {
        **dict(sorted({**kept, **typed}.items())),
        "Event": _any_of(names),
        "Frame": _frame(),
        "ConsoleFrame": _console_frame(),
        "Poll": _poll(),
        "Text": {"type": "string"},
        "Description": {"type": "object", "description": "An OpenAPI document."},
    }


def _generate() -> dict[str, dict[str, Any]]:
    """Generate the schema of each class, and of the classes of its fields."""
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[object]]] = [
        *((kind.__name__, "validation", TypeAdapter(kind)) for kind in REQUESTS),
        *((kind.__name__, "serialization", TypeAdapter(kind)) for kind in (*RESPONSES, *get_args(Event))),
    ]
    _, generated = TypeAdapter.json_schemas(inputs, ref_template=_TEMPLATE, schema_generator=_Generator)
    definitions: dict[str, dict[str, Any]] = generated["$defs"]
    for schema in definitions.values():
        schema.pop("title", None)
    return definitions


def _event(event: type[Event], generated: Mapping[str, dict[str, Any]]) -> JsonObject:
    """Return the schema of an event as it is sent: its type first, then its fields."""
    fields = generated[event.__name__]
    properties = {_WIRE_NAMES.get(field, field): schema for field, schema in fields["properties"].items()}
    if "code" in properties:
        properties["code"] = ref("Code")
    properties = {"type": {"const": event.type, "type": "string"}, **properties}
    if event is Part:
        del properties["fields"]
        fields = {**fields, "additionalProperties": True}
    optional = _OPTIONAL_FIELDS.get(event, {})
    properties |= optional
    return {**fields, "properties": properties, "required": [name for name in properties if name not in optional]}


def _any_of(names: Mapping[str, str]) -> JsonObject:
    mapping = {name: _TEMPLATE.format(model=schema) for name, schema in names.items()}
    return {
        "description": "An event, as one JSON object; `type` names its schema.",
        "oneOf": [{"$ref": target} for target in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": {**mapping}},
    }


def _frame() -> JsonObject:
    return {
        "type": "object",
        "description": (
            "One frame of a stream: the schema applies to each frame, not to the body. `id` is the position to resume "
            "with; `event` is the type of the event, omitted for a `chunk`; the first frame has a `retry`."
        ),
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "retry": {"type": "integer", "minimum": 0},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": ref("Event")},
        },
        "required": ["data"],
    }


def _console_frame() -> JsonObject:
    change: JsonObject = {
        "description": "In a `change`: what differs. `running` has new rows, and changed fields of others.",
        "type": "object",
        "properties": {
            "time": {"type": "number"},
            "gateways": {"type": "array", "items": ref("GatewayRow")},
            "running": {"type": "array", "items": {"type": "object", "required": ["id"], "additionalProperties": True}},
            "gone": {"type": "array", "items": {"type": "string"}},
            "omitted": {"type": "integer"},
            "ended": {"type": "array", "items": ref("EndedGeneration")},
        },
        "required": ["time"],
    }
    return {
        "type": "object",
        "description": "An event of the console; a comment keeps the connection alive.",
        "properties": {
            "event": {"enum": ["snapshot", "change"]},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"anyOf": [ref("ConsoleSnapshot"), change]},
            },
        },
        "required": ["event", "data"],
    }


def _poll() -> JsonObject:
    event: JsonObject = {
        "type": "object",
        "description": "The object that `Event` describes, with `generation_id` and `seq` added.",
        "properties": {
            "generation_id": {"type": "string"},
            "seq": {"type": "integer", "minimum": 1},
            "type": {"type": "string"},
        },
        "required": ["generation_id", "seq", "type"],
        "additionalProperties": True,
    }
    return {
        "type": "object",
        "description": "The response to a long poll. `position` is where to poll next, unless `ended` is true.",
        "properties": {
            "events": {"type": "array", "items": event},
            "position": {"type": "string"},
            "ended": {"type": "boolean"},
        },
        "required": ["events", "position", "ended"],
    }
