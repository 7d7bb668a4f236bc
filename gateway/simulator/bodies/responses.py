"""The body of `POST /v1/responses` (platform.openai.com/docs, API reference, "Create a model response")."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.bodies.base import Body, StrictBody, checked, names
from gateway.simulator.request import Function, Request, Role, Turn, joined

_OF_ASSISTANT: Final = frozenset({"output_text", "refusal", "summary_text", "reasoning_text"})
_OF_OTHERS: Final = frozenset({"input_text", "input_image", "input_file", "input_audio"})
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "message": ("role",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}


def _parts(content: object) -> object:
    return ({"text": content},) if isinstance(content, str) else content


def _items(given: object) -> object:
    return ({"role": "user", "content": given},) if isinstance(given, str) else given


def _moved(home: str) -> BeforeValidator:
    """Refuse a parameter of chat completions as OpenAI does."""

    def refuse(_value: object) -> None:
        problem: Final = "unsupported; in the Responses API this parameter has moved to '{home}'"
        raise PydanticCustomError("moved", problem, {"home": home})

    return BeforeValidator(refuse)


class Part(Body):
    """One part of an item; its type says whose it is, and is empty where the text stood alone."""

    type: str = ""
    text: str = ""


Parts = Annotated[tuple[Part, ...], BeforeValidator(_parts)]


class Item(Body):
    """One item of the conversation: a message, a call, what it gave back, reasoning; others are ignored."""

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Parts | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: Parts | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name in _NEEDS.get(self.type, ()):
            if getattr(self, name) is None:
                raise PydanticCustomError("missing", "missing required parameter '{name}'", {"name": name})
        allowed = _OF_ASSISTANT if self.role == "assistant" else _OF_OTHERS
        for part in self.content or () if self.type == "message" else ():
            if part.type and part.type not in allowed:
                told = {"type": part.type, "allowed": ", ".join(sorted(allowed))}
                raise PydanticCustomError("type", "invalid value '{type}'; supported values are {allowed}", told)
        return self

    @property
    def speaker(self) -> Role | None:
        """Who speaks; none in an item that is no turn."""
        match self.type:
            case "message":
                return self.role
            case "function_call":
                return "assistant"
            case "function_call_output":
                return "tool"
            case _:
                return None


class Tool(Body):
    """A tool that the answer may call; those that OpenAI runs itself have no name."""

    type: str
    name: str | None = None
    parameters: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.type == "function" and not self.name:
            raise PydanticCustomError("missing", "missing required parameter 'name'; it stands beside 'type' here")
        return self


class StreamOptions(StrictBody):
    """What else a stream shall carry."""

    accepted: ClassVar[frozenset[str]] = frozenset({"include_obfuscation"})


class ResponsesBody(StrictBody):
    """A request for one response."""

    accepted: ClassVar[frozenset[str]] = names(
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
    messages: Annotated[None, _moved("input")] = None
    max_tokens: Annotated[None, _moved("max_output_tokens")] = None
    max_completion_tokens: Annotated[None, _moved("max_output_tokens")] = None
    response_format: Annotated[None, _moved("text.format")] = None
    reasoning_effort: Annotated[None, _moved("reasoning.effort")] = None

    @field_validator("input")
    @classmethod
    def _outputs_have_calls(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        calls, outputs = (
            {item.call_id for item in items if item.type == kind} for kind in ("function_call", "function_call_output")
        )
        for call in calls - outputs:
            raise PydanticCustomError("call", "no tool output found for function call {id}", {"id": call})
        for call in outputs - calls:
            raise PydanticCustomError("output", "no tool call found for function call output {id}", {"id": call})
        return items


def read_response(body: bytes) -> Request:
    """Read the body of a request.

    Raises:
        RequestError: 400, naming the field at fault.

    """
    asked = checked(ResponsesBody, body)
    return Request(
        model=asked.model,
        turns=(*([Turn("system", asked.instructions)] if asked.instructions else []), *_turns(asked.input)),
        stream=asked.stream,
        max_tokens=asked.max_output_tokens,
        tools=tuple(
            Function(name=tool.name, parameters=tool.parameters or {}) for tool in asked.tools or () if tool.name
        ),
    )


def _turns(items: Iterable[Item]) -> Iterator[Turn]:
    """Give the turns: what the assistant says and calls in a row is one, as it is in the other formats."""
    spoken = [(speaker, item) for item in items if (speaker := item.speaker) is not None]
    for speaker, group in groupby(spoken, key=lambda pair: pair[0]):
        texts = [_text(item) for _, item in group]
        yield from (Turn(speaker, text) for text in ([joined(texts)] if speaker == "assistant" else texts))


def _text(item: Item) -> str:
    parts = item.output if item.type == "function_call_output" else item.content
    return joined([part.text for part in parts or ()])
