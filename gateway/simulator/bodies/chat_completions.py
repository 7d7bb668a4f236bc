"""The body of `POST /v1/chat/completions` (platform.openai.com/docs, API reference, "Create chat completion")."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.bodies.base import Body, NonEmpty, checked
from gateway.simulator.request import Function, Request, Role, Turn, joined


class ContentPart(Body):
    """One part of a message that is not plain text alone."""

    type: str
    text: str = ""


class Message(Body):
    """One turn of the conversation."""

    role: Role
    content: str | tuple[ContentPart, ...] | None = None

    def turn(self) -> Turn:
        """Give the turn, without images and the like."""
        match self.content:
            case None:
                return Turn(self.role)
            case str(text):
                return Turn(self.role, text)
            case parts:
                return Turn(self.role, joined([part.text for part in parts]))


class FunctionTool(Body):
    """What a tool is called and takes."""

    name: NonEmpty
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class Tool(Body):
    """A tool that the answer may call."""

    type: Literal["function"] = "function"
    function: FunctionTool


class StreamOptions(Body):
    """What else a stream shall carry."""

    include_usage: bool = False


class ChatCompletionBody(Body):
    """A request for one chat completion; fields that are not known are ignored, as most servers of this format do."""

    model: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: NonEmpty | Annotated[tuple[NonEmpty, ...], Field(max_length=4)] | None = None
    n: Literal[1] | None = None
    seed: int | None = None
    tools: tuple[Tool, ...] | None = None

    @model_validator(mode="after")
    def _options_need_a_stream(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise PydanticCustomError("stream_options", "'stream_options' needs \"stream\": true")
        return self

    def stops(self) -> tuple[str, ...]:
        """Give the strings that end the answer."""
        match self.stop:
            case None:
                return ()
            case str(text):
                return (text,)
            case texts:
                return texts


def read_chat_completion(body: bytes) -> Request:
    """Read the body of a request.

    Raises:
        RequestError: 400, naming the field at fault.

    """
    asked = checked(ChatCompletionBody, body)
    options = asked.stream_options
    return Request(
        model=asked.model,
        turns=tuple(message.turn() for message in asked.messages),
        stream=asked.stream,
        with_usage=not asked.stream or (options is not None and options.include_usage),
        # The new name of the limit wins over the old one.
        max_tokens=asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens,
        stops=asked.stops(),
        seed=asked.seed,
        tools=tuple(
            Function(name=tool.function.name, parameters=tool.function.parameters) for tool in asked.tools or ()
        ),
    )
