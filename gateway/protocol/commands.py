"""Bodies of HTTP requests and commands of a WebSocket, validated once, where they enter.

An invalid body raises `Refused` with a message that names the field and says what to change.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, FailFast, Field, JsonValue, SecretStr, model_validator

from gateway.protocol.events import Mode
from gateway.protocol.messages import Message, check_message, text_of
from gateway.protocol.options import ADVICE, CoalesceMs, OnDisconnect, OptionFields, Options, merge
from gateway.protocol.validation import JSON_INTEGER, JsonObject, StrictModel, parse, problem_at

__all__ = [
    "COMMANDS",
    "MAX_ID_LENGTH",
    "MAX_METADATA_ENTRIES",
    "AttachCommand",
    "Command",
    "DetachCommand",
    "FeedbackCommand",
    "FeedbackRequest",
    "GenerationCommand",
    "HelloCommand",
    "InterruptCommand",
    "InterruptRequest",
    "JsonObject",
    "Message",
    "OnDisconnect",
    "Options",
    "PingCommand",
    "StartCommand",
    "StartRequest",
    "TicketRequest",
    "parse",
]

MAX_ID_LENGTH = 128
"""Maximum characters of an identifier that a client sends: a command's id, a position."""

MAX_METADATA_ENTRIES = 50
"""Maximum entries of the metadata of a start."""

# The rules of the validators below in JSON Schema, for the OpenAPI document. A test compares the two.
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


def _describe_prompt(schema: JsonObject) -> None:
    """Add the rule of `StartRequest.prompt` to the JSON schema, which can't say that it repeats a message."""
    del schema["required"]
    is_text: JsonObject = {"properties": {"prompt": {"type": "string"}}}
    schema["anyOf"] = [{"required": ["messages"]}, {"required": ["prompt"], **is_text}]


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


def _check_boolean(value: object) -> object:
    # In Python, 0 equals False and 1 equals True; in JSON they are other values.
    if not isinstance(value, bool):
        message = "must be true or false"
        raise ValueError(message)
    return value


_JSON_BOOLEAN = BeforeValidator(_check_boolean)
MESSAGE_COUNT: Final = Field(min_length=1, max_length=2000)
"""How many messages a start may have."""

ClientMessage = Annotated[Message, AfterValidator(check_message)]


class StartRequest(OptionFields):
    """Body of `POST /api/chat/stream` and `POST /api/generations`: starts a generation.

    `prompt` stands for one user message. Beside `messages`, it must be the text of the last one of the user.
    Every option may also stand at the top level, as in OpenAI's chat completions, and moves into `options` then. An
    option that is given twice must have the same value. OpenAI's fields about the form of the response are accepted
    with the values that describe what a start gives anyway, and have no effect.
    """

    advice: ClassVar[Mapping[str, str]] = {
        **ADVICE,
        "stream": (
            "every generation is read as a stream: leave it out, or send true. Without a stream, start by POST "
            "/api/generations and read GET /api/generations/{id}"
        ),
        "n": "must be 1: a generation is one answer; start several",
        "store": "the gateway lets no provider store an answer: leave it out, or send false",
        "service_tier": "is up to the operator's account: leave it out, or send auto",
        "input": "is a field of OpenAI's Responses API; here send messages",
        "system": "send it as a message with the role system",
        "instructions": "send it as a message with the role system",
        "conversation": "the gateway stores no conversations: send all messages",
        "previous_response_id": "the gateway stores no conversations: send all messages",
        "idempotency_key": "is a field of WebSocket commands; here send the header Idempotency-Key",
        "type": "is a field of WebSocket commands: leave it out",
        "id": "is a field of WebSocket commands; here send the header X-Request-ID",
    }

    # Built at the start: it takes some milliseconds, which the first client need not wait for.
    model_config = ConfigDict(json_schema_extra=_describe_prompt, defer_build=False)

    messages: Annotated[
        list[ClientMessage], FailFast(), MESSAGE_COUNT, Field(description="The conversation, in the form of OpenAI.")
    ]
    prompt: Annotated[str, Field(min_length=1)] | None = Field(None, description="One message of the user.")
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None, description="A model or an alias; without it, the default model."
    )
    options: Options = Field(Options(), description="Passed to the provider, except `on_disconnect` and `coalesce_ms`.")
    # A factory: pydantic makes a deep copy of a default that may change, by a function in Python.
    metadata: Metadata = Field(
        default_factory=dict, description="Returned in the snapshot.", json_schema_extra={"default": {}}
    )
    stream: Annotated[Literal[True], _JSON_BOOLEAN] | None = None
    stream_options: JsonObject | None = None
    n: Annotated[int, Field(ge=1, le=1), JSON_INTEGER] | None = None
    store: Annotated[Literal[False], _JSON_BOOLEAN] | None = None
    service_tier: Literal["auto"] | None = None

    @classmethod
    def known_fields(cls) -> str:
        """Return the names of the fields."""
        own = ", ".join(name for name in cls.model_fields if name not in OptionFields.model_fields)
        return f"{own}, and the options: {OptionFields.known_fields()}"

    @model_validator(mode="before")
    @classmethod
    def _expand_prompt(cls, value: object) -> object:
        if not isinstance(value, dict) or (prompt := value.get("prompt")) is None:
            return value
        if not isinstance(prompt, str) or not prompt:
            raise problem_at(("prompt",), "must be a text that is not empty")
        return {"messages": [{"role": "user", "content": prompt}], **value}

    @model_validator(mode="after")
    def _move_options(self) -> "StartRequest":
        # Not `model_fields_set`, which is a function: most starts set none of these fields.
        given = self.__pydantic_fields_set__ & _TOP_LEVEL
        moved = [name for name in given if getattr(self, name) is not None] if given else []
        if not moved:
            return self
        self._check_prompt()
        merged = {**merge(("options",), self.options, self), "max_completion_tokens": None}
        options = self.options.model_copy(update=merged)
        return self.model_copy(update={"options": options, **dict.fromkeys(moved)})

    def _check_prompt(self) -> None:
        if self.prompt is not None:
            asked = (text_of(message) for message in reversed(self.messages) if message.role == "user")
            if next(asked, None) != self.prompt:
                raise problem_at(("prompt",), "is not the text of the last user message: send one of the two")


_TOP_LEVEL: Final = StartRequest.model_fields.keys() - {"messages", "model", "options", "metadata"}
"""Fields of a start's body that a parsed start does not have: options, `prompt`, and fields without effect."""


class TicketRequest(StrictModel):
    """Body of `POST /api/tickets`: requests a ticket for `start`, for `socket`, or for one generation.

    A ticket for a generation allows reading it, and with `commands` also commanding it.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": _SCOPE_OR_GENERATION})

    scope: Literal["start", "socket"] | None = Field(None, description="One start, or one WebSocket.")
    generation_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Reading this generation."
    )
    commands: bool = Field(default=False, description="Over a WebSocket, also interrupt and feedback.")

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

    reason: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="Any text; the event `interrupted` has it."
    )


class FeedbackRequest(StrictModel):
    """Body of feedback on a running answer: `revise` restarts it, `stop` ends it, `note` only records the feedback."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _FIELDS_BY_MODE})

    text: Annotated[str, Field(min_length=1, max_length=8192)] | None = Field(
        None, description="What is to be different; `revise` needs it."
    )
    rating: Annotated[int, Field(ge=-100, le=100), JSON_INTEGER] | None = Field(
        None, description="Any scale, such as -1 and 1."
    )
    mode: Mode = Field("revise", description="Ask again with the text, stop, or only record it.")

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


MAX_TRACE_LENGTH = 512
"""Maximum characters of `traceparent`, which has 55, and `tracestate`, of which 512 are passed on at least."""


class StartCommand(StartRequest, Command):
    """`start`: the fields of the POST body, and what a POST has as headers: an idempotency key, and its trace.

    A socket carries many generations, each of which may belong to another trace (W3C Trace Context).
    """

    advice: ClassVar[Mapping[str, str]] = {
        name: advice for name, advice in StartRequest.advice.items() if name not in {"type", "id", "idempotency_key"}
    }

    model_config = ConfigDict(defer_build=False)

    type: Literal["start"]
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    traceparent: Annotated[str, Field(max_length=MAX_TRACE_LENGTH)] | None = None
    tracestate: Annotated[str, Field(max_length=MAX_TRACE_LENGTH)] | None = None

    def as_request(self) -> StartRequest:
        """Return the fields of the POST body alone."""
        return self.as_base(StartRequest)


class GenerationCommand(Command):
    """A command to one generation. It names the generation, so that a late stop can't hit the next answer."""

    generation_id: Annotated[str, Field(min_length=1, max_length=64)]


class AttachCommand(GenerationCommand):
    """`attach`: view a generation after a position or sequence number, or from its beginning."""

    type: Literal["attach"]
    after: Annotated[str, Field(max_length=MAX_ID_LENGTH)] | Annotated[int, Field(ge=0)] | None = None
    coalesce_ms: CoalesceMs | None = None


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
