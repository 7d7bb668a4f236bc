"""Bodies of HTTP requests and commands of a WebSocket, validated once, where they enter.

An invalid body raises `Refused` with a message that names the field and says what to change.
"""

import re
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from gateway.protocol.errors import Refused, invalid
from gateway.protocol.events import Mode

MAX_ID_LENGTH = 128
"""Maximum characters of an identifier that a client sends: a command's id, a position."""

MAX_METADATA_ENTRIES = 50
"""Maximum entries of the metadata of a start."""

OnDisconnect = Literal["grace", "cancel", "continue"]
JsonObject = dict[str, JsonValue]


def _integral_float_to_int(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


JSON_INTEGER = BeforeValidator(_integral_float_to_int)
"""Validator for an integer as JSON defines it: JSON has one number type, so 2.0 is the integer 2."""

MAX_INTEGER = 2**63 - 1
"""Largest integer that can be passed on to every provider (64 bits, signed)."""

# The rules of the validators below in JSON Schema, for the OpenAPI document. A test compares the two.
_CONTENT_OR_TOOL_CALLS: list[JsonValue] = [
    {"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}},
    {
        "required": ["tool_calls"],
        "properties": {"role": {"const": "assistant"}, "tool_calls": {"type": "array", "minItems": 1}},
    },
]
_SCOPE_OR_GENERATION: list[JsonValue] = [
    {
        "required": ["scope"],
        "properties": {"scope": {"type": "string"}, "generation_id": {"type": "null"}, "commands": {"const": False}},
    },
    {"required": ["generation_id"], "properties": {"scope": {"type": "null"}, "generation_id": {"type": "string"}}},
]
_FIELDS_BY_MODE: list[JsonValue] = [
    {"required": ["text"], "properties": {"text": {"type": "string"}}},
    {"required": ["mode"], "properties": {"mode": {"const": "stop"}}},
    {"required": ["mode", "rating"], "properties": {"mode": {"const": "note"}, "rating": {"type": "integer"}}},
]


class StrictModel(BaseModel):
    """Base of bodies that accept only the declared fields, without type conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Message(BaseModel):
    """One message of the conversation. Fields that are not declared here are passed on to the provider unchanged."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, json_schema_extra={"anyOf": _CONTENT_OR_TOOL_CALLS}
    )

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[JsonObject] | None = None

    @model_validator(mode="after")
    def _check_content(self) -> "Message":
        if self.content is None and not (self.role == "assistant" and self._has_tool_calls()):
            message = "content is missing: send a string or a list of content parts"
            raise ValueError(message)
        return self

    def _has_tool_calls(self) -> bool:
        calls = (self.model_extra or {}).get("tool_calls")
        return isinstance(calls, list) and len(calls) > 0


StopText = Annotated[str, Field(max_length=256)]


class Options(StrictModel):
    """Parameters for the provider, and the disconnect policy of the generation."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31), JSON_INTEGER] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER), JSON_INTEGER] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    tools: Annotated[list[JsonObject], Field(max_length=256)] | None = None
    tool_choice: Annotated[str, Field(max_length=256)] | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    reasoning_effort: Annotated[str, Field(max_length=64)] | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    on_disconnect: OnDisconnect | None = None

    def for_provider(self) -> JsonObject:
        """Return the options that are sent to the provider, under the names of its API."""
        return self.model_dump(exclude_none=True, exclude={"on_disconnect"})


def _check_entry_count(value: object) -> object:
    # Before the entries are validated: pydantic would report every invalid entry of an arbitrarily large object.
    if isinstance(value, dict) and len(value) > MAX_METADATA_ENTRIES:
        message = f"has {len(value)} entries: send at most {MAX_METADATA_ENTRIES}"
        raise ValueError(message)
    return value


Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=1000)]],
    BeforeValidator(_check_entry_count),
]


class StartRequest(StrictModel):
    """Body of `POST /api/chat/stream` and `POST /api/generations`: starts a generation."""

    messages: Annotated[list[Message], FailFast(), Field(min_length=1, max_length=2000)]
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    options: Options = Options()
    metadata: Metadata = {}


class TicketRequest(StrictModel):
    """Body of `POST /api/tickets`: requests a ticket for `start`, for `socket`, or for one generation.

    A ticket for a generation allows reading it, and with `commands` also commanding it.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": _SCOPE_OR_GENERATION})

    scope: Literal["start", "socket"] | None = None
    generation_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    commands: bool = False

    @model_validator(mode="after")
    def _check_scope(self) -> "TicketRequest":
        if (self.scope is None) == (self.generation_id is None):
            message = "set exactly one of scope ('start' or 'socket') and generation_id"
            raise ValueError(message)
        if self.commands and self.generation_id is None:
            message = "commands needs generation_id; a socket ticket allows commands to all your generations anyway"
            raise ValueError(message)
        return self


class InterruptRequest(StrictModel):
    """Body of an interrupt, which stops a generation. `reason` is free text, returned in the `interrupted` event."""

    reason: Annotated[str, Field(max_length=1000)] | None = None


class FeedbackRequest(StrictModel):
    """Body of feedback on a running answer: `revise` restarts it, `stop` ends it, `note` only records the feedback."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _FIELDS_BY_MODE})

    text: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    rating: Annotated[int, Field(ge=-100, le=100), JSON_INTEGER] | None = None
    mode: Mode = "revise"

    @model_validator(mode="after")
    def _check_mode(self) -> "FeedbackRequest":
        if self.mode == "revise" and self.text is None:
            message = "text is missing: mode 'revise' needs it; to record only a rating, set mode to 'note'"
            raise ValueError(message)
        if self.mode == "note" and self.text is None and self.rating is None:
            message = "text and rating are both missing: mode 'note' needs one of them"
            raise ValueError(message)
        return self


class Command(StrictModel):
    """A message of a WebSocket client. `id`, if set, is repeated in the `ack` or `rejected` that answers it."""

    id: Annotated[str, Field(max_length=MAX_ID_LENGTH)] | int | None = None


class StartCommand(StartRequest, Command):
    """`start`: the fields of the POST body, and an idempotency key."""

    type: Literal["start"]
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None

    def as_request(self) -> StartRequest:
        """Return the fields of the POST body alone."""
        return StartRequest(messages=self.messages, model=self.model, options=self.options, metadata=self.metadata)


class GenerationCommand(Command):
    """A command to one generation. It names the generation, so that a late stop can't hit the next answer."""

    generation_id: Annotated[str, Field(min_length=1, max_length=64)]


class AttachCommand(GenerationCommand):
    """`attach`: view a generation after a position or sequence number, or from its beginning."""

    type: Literal["attach"]
    after: Annotated[str, Field(max_length=MAX_ID_LENGTH)] | Annotated[int, Field(ge=0)] | None = None


class DetachCommand(GenerationCommand):
    """`detach`: stop viewing a generation. Whether it continues is up to its disconnect policy."""

    type: Literal["detach"]


class InterruptCommand(GenerationCommand, InterruptRequest):
    """`interrupt`: stop a generation."""

    type: Literal["interrupt"]


class FeedbackCommand(GenerationCommand, FeedbackRequest):
    """`feedback`: revise, stop or annotate a running answer."""

    type: Literal["feedback"]


class PingCommand(Command):
    """`ping`: answered with `pong`."""

    type: Literal["ping"]


class HelloCommand(Command):
    """`hello`: authenticates the client. A gateway without keys accepts any token, and checks a ticket."""

    type: Literal["hello"]
    token: Annotated[SecretStr, Field(max_length=8192)] | None = None
    ticket: Annotated[SecretStr, Field(max_length=256)] | None = None

    @model_validator(mode="after")
    def _check_single_credential(self) -> "HelloCommand":
        if self.token is not None and self.ticket is not None:
            message = "token and ticket are both set: send only one of them"
            raise ValueError(message)
        return self


COMMANDS: dict[str, type[Command]] = {
    "start": StartCommand,
    "attach": AttachCommand,
    "detach": DetachCommand,
    "interrupt": InterruptCommand,
    "feedback": FeedbackCommand,
    "ping": PingCommand,
    "hello": HelloCommand,
}

Body = TypeVar("Body", bound=BaseModel)
_KEY = "[key]"
_UNION_MEMBER = re.compile(r"(constrained-)?(str|int)$|(constrained-)?list\[|dict\[")


def parse(kind: type[Body], value: object) -> Body:
    """Validate a decoded JSON value as one kind of body.

    Raises:
        Refused: The value is invalid. The message names the first invalid field and counts the others.
    """
    if not isinstance(value, dict):
        message = f"The body must be a JSON object, not {_json_type(value)}."
        raise invalid(message)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _refusal(error, kind) from None


def _refusal(error: ValidationError, kind: type[BaseModel]) -> Refused:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first = _most_specific(details)
    path = _format_path(first["loc"])
    problem = first["msg"].removeprefix("Value error, ").replace(" after validation", "")
    if first["type"] == "extra_forbidden":
        # `Options` is the only nested body that forbids other fields.
        known = ", ".join(kind.model_fields if len(first["loc"]) == 1 else Options.model_fields)
        problem = f"unknown field; known are: {known}"
    elif first["type"] == "missing":
        problem = "is missing"
    elif first["loc"][-1:] == (_KEY,):
        problem = f"the name of an entry: {problem}"
    more = f" ({len(details) - 1} more)" if len(details) > 1 else ""
    return invalid(f"{path}: {problem}{more}" if path else f"{problem}{more}", param=path or None)


def _most_specific(details: list[ErrorDetails]) -> ErrorDetails:
    """Return the error to report: the first field's, and for a union that of the member with the value's type.

    A union reports one error per member. All but one of them only say that the value has another type.
    """
    path = _format_path(details[0]["loc"])
    same_field = (detail for detail in details if _format_path(detail["loc"]).startswith(path))
    return next((detail for detail in same_field if not detail["type"].endswith("_type")), details[0])


def _format_path(location: tuple[int | str, ...]) -> str:
    """Format the location of a field as in code: `messages[0].content`."""
    # pydantic adds a union member's type ("content.str") and a mark for keys of a dictionary: not part of the body.
    parts = [part for part in location if isinstance(part, int) or not (part == _KEY or _UNION_MEMBER.match(part))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:MAX_ID_LENGTH]}" for part in parts).lstrip(".")


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
