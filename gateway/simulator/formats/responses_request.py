"""Request body of `POST /v1/responses` (platform.openai.com/docs, API reference, "Create a model response")."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.formats.request_model import RequestModel, StrictRequestModel, field_names, parse_body
from gateway.simulator.request import Function, Request, Role, Turn, join_texts

_ASSISTANT_PARTS: Final = frozenset({"output_text", "refusal", "summary_text", "reasoning_text"})
_INPUT_PARTS: Final = frozenset({"input_text", "input_image", "input_file", "input_audio"})
_REQUIRED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "message": ("role",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}


def _parts(content: object) -> object:
    return ({"text": content},) if isinstance(content, str) else content


def _items(value: object) -> object:
    return ({"role": "user", "content": value},) if isinstance(value, str) else value


def _moved_to(path: str) -> BeforeValidator:
    """Return a validator that refuses a parameter of chat completions as OpenAI does."""

    def refuse(_value: object) -> None:
        problem: Final = "unsupported; in the Responses API this parameter has moved to '{path}'"
        raise PydanticCustomError("moved", problem, {"path": path})

    return BeforeValidator(refuse)


class Part(RequestModel):
    """One part of an item; its type depends on the role, and is empty for a plain string."""

    type: str = ""
    text: str = ""


Parts = Annotated[tuple[Part, ...], BeforeValidator(_parts)]


class Item(RequestModel):
    """One item of the conversation: a message, a tool call, its output, reasoning; other types are ignored."""

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Parts | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: Parts | None = None

    @model_validator(mode="after")
    def _has_required_fields(self) -> Self:
        for name in _REQUIRED_FIELDS.get(self.type, ()):
            if getattr(self, name) is None:
                raise PydanticCustomError("missing", "missing required parameter '{name}'", {"name": name})
        allowed = _ASSISTANT_PARTS if self.role == "assistant" else _INPUT_PARTS
        for part in self.content or () if self.type == "message" else ():
            if part.type and part.type not in allowed:
                context = {"type": part.type, "allowed": ", ".join(sorted(allowed))}
                raise PydanticCustomError("type", "invalid value '{type}'; supported values are {allowed}", context)
        return self

    @property
    def turn_role(self) -> Role | None:
        """Return the role of the turn; None for an item that is not a turn."""
        match self.type:
            case "message":
                return self.role
            case "function_call":
                return "assistant"
            case "function_call_output":
                return "tool"
            case _:
                return None


class Tool(RequestModel):
    """A tool that the model may call; tools that OpenAI runs have no name."""

    type: str
    name: str | None = None
    parameters: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.type == "function" and not self.name:
            raise PydanticCustomError(
                "missing", "missing required parameter 'name'; it is next to 'type' in this format"
            )
        return self


class StreamOptions(StrictRequestModel):
    """Options of a stream."""

    ignored: ClassVar[frozenset[str]] = frozenset({"include_obfuscation"})


class ResponsesBody(StrictRequestModel):
    """A request for a response."""

    ignored: ClassVar[frozenset[str]] = field_names(
        "access_programs background background_options context_management conversation image include max_tool_calls "
        "metadata moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
        "prompt_cache_retention reasoning safety_identifier service_tier store temperature text tool_choice "
        "top_logprobs top_p truncation user"
    )

    model: str
    input: Annotated[tuple[Item, ...], BeforeValidator(_items), Field(min_length=1)]
    instructions: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    # OpenAI refuses fewer than 16.
    max_output_tokens: Annotated[int, Field(ge=16)] | None = None
    tools: tuple[Tool, ...] | None = None
    messages: Annotated[None, _moved_to("input")] = None
    max_tokens: Annotated[None, _moved_to("max_output_tokens")] = None
    max_completion_tokens: Annotated[None, _moved_to("max_output_tokens")] = None
    response_format: Annotated[None, _moved_to("text.format")] = None
    reasoning_effort: Annotated[None, _moved_to("reasoning.effort")] = None

    @field_validator("input")
    @classmethod
    def _check_outputs(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        calls, outputs = (
            {item.call_id for item in items if item.type == kind} for kind in ("function_call", "function_call_output")
        )
        for call in calls - outputs:
            raise PydanticCustomError("call", "no tool output found for function call {id}", {"id": call})
        for call in outputs - calls:
            raise PydanticCustomError("output", "no tool call found for function call output {id}", {"id": call})
        return items


def parse_response(body: bytes) -> Request:
    """Parse a request body.

    Raises:
        RequestError: 400, with the field that is not valid.

    """
    parsed = parse_body(ResponsesBody, body)
    return Request(
        model=parsed.model,
        turns=(*([Turn("system", parsed.instructions)] if parsed.instructions else []), *_turns(parsed.input)),
        stream=parsed.stream,
        max_tokens=parsed.max_output_tokens,
        tools=tuple(
            Function(name=tool.name, parameters=tool.parameters or {}) for tool in parsed.tools or () if tool.name
        ),
    )


def _turns(items: Iterable[Item]) -> Iterator[Turn]:
    """Yield the turns. Adjacent items of the assistant, text and tool calls, are one, as in the other formats."""
    items_by_role = [(role, item) for item in items if (role := item.turn_role) is not None]
    for role, group in groupby(items_by_role, key=lambda pair: pair[0]):
        texts = [_text(item) for _, item in group]
        yield from (Turn(role, text) for text in ([join_texts(texts)] if role == "assistant" else texts))


def _text(item: Item) -> str:
    parts = item.output if item.type == "function_call_output" else item.content
    return join_texts([part.text for part in parts or ()])
