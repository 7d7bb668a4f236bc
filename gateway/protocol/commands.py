"""What clients ask for: the bodies of HTTP requests and the commands of a WebSocket, checked once, at the edge.

A body that does not fit raises `Refused` with a message that names the field and says what to change.
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

LONGEST_ID = 128
"""Characters of what a client calls something by: the id of a command, a generation's, a position."""

MOST_METADATA = 50
"""Entries of a start's metadata."""

OnDisconnect = Literal["grace", "cancel", "continue"]
JsonObject = dict[str, JsonValue]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Takes an integer as JSON knows it, where 2.0 is 2."""

LARGEST = 2**63 - 1
"""The largest integer that can be sent on to every provider."""

# What the validators below ask for, as JSON Schema says it: a test holds the two against each other.
_SAYS_SOMETHING: list[JsonValue] = [
    {"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}},
    {
        "required": ["tool_calls"],
        "properties": {"role": {"const": "assistant"}, "tool_calls": {"type": "array", "minItems": 1}},
    },
]
_IS_FOR_ONE_THING: list[JsonValue] = [
    {
        "required": ["scope"],
        "properties": {"scope": {"type": "string"}, "generation_id": {"type": "null"}, "commands": {"const": False}},
    },
    {"required": ["generation_id"], "properties": {"scope": {"type": "null"}, "generation_id": {"type": "string"}}},
]
_HAS_WHAT_ITS_MODE_NEEDS: list[JsonValue] = [
    {"required": ["text"], "properties": {"text": {"type": "string"}}},
    {"required": ["mode"], "properties": {"mode": {"const": "stop"}}},
    {"required": ["mode", "rating"], "properties": {"mode": {"const": "note"}, "rating": {"type": "integer"}}},
]


class Strict(BaseModel):
    """A body that takes the named fields in their own types, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Message(BaseModel):
    """One message of the conversation, as the provider knows it; fields that we do not know are passed on."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, json_schema_extra={"anyOf": _SAYS_SOMETHING})

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[JsonObject] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Message":
        if self.content is None and not (self.role == "assistant" and self._calls_tools()):
            message = "content is missing: give a string, or a list of content parts"
            raise ValueError(message)
        return self

    def _calls_tools(self) -> bool:
        calls = (self.model_extra or {}).get("tool_calls")
        return isinstance(calls, list) and len(calls) > 0


StopText = Annotated[str, Field(max_length=256)]


class Options(Strict):
    """What is passed to the provider, and how the generation is to be kept."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31), WHOLE] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-LARGEST, le=LARGEST), WHOLE] | None = None
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
        """Give those that the provider is to see, in its names."""
        return self.model_dump(exclude_none=True, exclude={"on_disconnect"})


def _is_small(value: object) -> object:
    """Look at the number of entries before at each of them: of many, each would be found fault with."""
    if isinstance(value, dict) and len(value) > MOST_METADATA:
        message = f"has {len(value)} entries: give at most {MOST_METADATA}"
        raise ValueError(message)
    return value


Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=1000)]], BeforeValidator(_is_small)
]


class StartRequest(Strict):
    """Start a generation: the body of `POST /api/chat/stream` and `POST /api/generations`."""

    messages: Annotated[list[Message], FailFast(), Field(min_length=1, max_length=2000)]
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    options: Options = Options()
    metadata: Metadata = {}


class TicketRequest(Strict):
    """Ask for a ticket: `start`, `socket`, or for one generation, to read it and with `commands` to command it, too."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _IS_FOR_ONE_THING})

    scope: Literal["start", "socket"] | None = None
    generation_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    commands: bool = False

    @model_validator(mode="after")
    def _is_for_one_thing(self) -> "TicketRequest":
        if (self.scope is None) == (self.generation_id is None):
            message = "what the ticket is for: give scope ('start' or 'socket'), or generation_id, one of them"
            raise ValueError(message)
        if self.commands and self.generation_id is None:
            message = "commands goes with generation_id; a ticket for a socket may command all that is yours"
            raise ValueError(message)
        return self


class InterruptRequest(Strict):
    """Stop a generation; `reason` is the client's own words, given back in `interrupted`."""

    reason: Annotated[str, Field(max_length=1000)] | None = None


class FeedbackRequest(Strict):
    """Say something of a running answer: `revise` begins it anew, `stop` ends it, `note` only records."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _HAS_WHAT_ITS_MODE_NEEDS})

    text: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    rating: Annotated[int, Field(ge=-100, le=100), WHOLE] | None = None
    mode: Mode = "revise"

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> "FeedbackRequest":
        if self.mode == "revise" and self.text is None:
            message = "text is missing: a revise needs it; to record a rating alone, set mode to 'note'"
            raise ValueError(message)
        if self.mode == "note" and self.text is None and self.rating is None:
            message = "text and rating are both missing: a note needs one of them"
            raise ValueError(message)
        return self


class Command(Strict):
    """A message of a WebSocket client; `id`, if given, comes back in its `ack` or `rejected`."""

    id: Annotated[str, Field(max_length=LONGEST_ID)] | int | None = None


class StartCommand(StartRequest, Command):
    """`start`: as the POST body, and an idempotency key."""

    type: Literal["start"]
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None

    def request(self) -> StartRequest:
        """Give the start alone, as a POST would have brought it."""
        return StartRequest(messages=self.messages, model=self.model, options=self.options, metadata=self.metadata)


class Addressed(Command):
    """A command to one generation; naming it is what keeps a late stop from hitting the next answer."""

    generation_id: Annotated[str, Field(min_length=1, max_length=64)]


class AttachCommand(Addressed):
    """`attach`: view a generation, after a position or sequence number; from the beginning without."""

    type: Literal["attach"]
    after: Annotated[str, Field(max_length=LONGEST_ID)] | Annotated[int, Field(ge=0)] | None = None


class DetachCommand(Addressed):
    """`detach`: stop viewing; the generation goes on as its disconnect policy says."""

    type: Literal["detach"]


class InterruptCommand(Addressed, InterruptRequest):
    """`interrupt`."""

    type: Literal["interrupt"]


class FeedbackCommand(Addressed, FeedbackRequest):
    """`feedback`."""

    type: Literal["feedback"]


class PingCommand(Command):
    """`ping`: answered by `pong`."""

    type: Literal["ping"]


class HelloCommand(Command):
    """`hello`: says who the client is; a gateway without keys takes any."""

    type: Literal["hello"]
    token: Annotated[SecretStr, Field(max_length=8192)] | None = None
    ticket: Annotated[SecretStr, Field(max_length=256)] | None = None

    @model_validator(mode="after")
    def _shows_one(self) -> "HelloCommand":
        if self.token is not None and self.ticket is not None:
            message = "token and ticket are both there: send one of them"
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
    """Check a decoded JSON value against one kind of body.

    Raises:
        Refused: naming the first field that does not fit, and how many others there are.
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
    first = _telling(details)
    path = _path(first["loc"])
    said = first["msg"].removeprefix("Value error, ").replace(" after validation", "")
    if first["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields if len(first["loc"]) == 1 else Options.model_fields)
        said = f"not a field we know; known are: {known}"
    elif first["type"] == "missing":
        said = "is missing"
    elif first["loc"][-1:] == (_KEY,):
        said = f"the name of an entry: {said}"
    more = f" ({len(details) - 1} more)" if len(details) > 1 else ""
    return invalid(f"{path}: {said}{more}" if path else f"{said}{more}", param=path or None)


def _telling(details: list[ErrorDetails]) -> ErrorDetails:
    """Choose the error to tell: of what may be of several types, the one of the type that it is."""
    place = _path(details[0]["loc"])
    of_the_same = (one for one in details if _path(one["loc"]).startswith(place))
    return next((one for one in of_the_same if not one["type"].endswith("_type")), details[0])


def _path(location: tuple[int | str, ...]) -> str:
    """Write where something is in a body, as a programmer would."""
    # A union adds its member's type to the path ("content.str"), a dictionary the mark of its keys: no client's words.
    parts = [part for part in location if isinstance(part, int) or not (part == _KEY or _UNION_MEMBER.match(part))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:LONGEST_ID]}" for part in parts).lstrip(".")


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
