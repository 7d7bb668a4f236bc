"""Request body of `POST /v1/chat/completions` (platform.openai.com/docs, API reference, "Create chat completion")."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.formats.request_model import NonEmpty, RequestModel, parse_body
from gateway.simulator.request import Function, Request, Role, Turn, join_texts


class ContentPart(RequestModel):
    """One part of a message whose content is an array."""

    type: str
    text: str = ""


class Message(RequestModel):
    """One turn of the conversation."""

    role: Role
    content: str | tuple[ContentPart, ...] | None = None

    def to_turn(self) -> Turn:
        """Convert to a turn, without images and other media."""
        match self.content:
            case None:
                return Turn(self.role)
            case str(text):
                return Turn(self.role, text)
            case parts:
                return Turn(self.role, join_texts([part.text for part in parts]))


class FunctionTool(RequestModel):
    """Name and parameters of a tool."""

    name: NonEmpty
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class Tool(RequestModel):
    """A tool that the model may call."""

    type: Literal["function"] = "function"
    function: FunctionTool


class StreamOptions(RequestModel):
    """Options of a stream."""

    include_usage: bool = False


class ChatCompletionBody(RequestModel):
    """A request for a chat completion. Unknown fields are ignored, as by most servers of this format."""

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
        """Return the stop strings."""
        match self.stop:
            case None:
                return ()
            case str(text):
                return (text,)
            case texts:
                return texts


def parse_chat_completion(body: bytes) -> Request:
    """Parse a request body.

    Raises:
        RequestError: 400, with the field that is not valid.

    """
    parsed = parse_body(ChatCompletionBody, body)
    options = parsed.stream_options
    return Request(
        model=parsed.model,
        turns=tuple(message.to_turn() for message in parsed.messages),
        stream=parsed.stream,
        with_usage=not parsed.stream or (options is not None and options.include_usage),
        # The new name of the limit takes precedence over the deprecated one.
        max_tokens=parsed.max_tokens if parsed.max_completion_tokens is None else parsed.max_completion_tokens,
        stops=parsed.stops(),
        seed=parsed.seed,
        tools=tuple(
            Function(name=tool.function.name, parameters=tool.function.parameters) for tool in parsed.tools or ()
        ),
    )
