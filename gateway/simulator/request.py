"""The body of a chat completion request, as far as the simulator heeds it; other fields are ignored."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.errors import RequestError

NonEmpty = Annotated[str, Field(min_length=1)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class ContentPart(_Body):
    """One part of a message that is not plain text alone."""

    type: str
    text: str = ""


class Message(_Body):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[ContentPart, ...] | None = None

    @property
    def text(self) -> str:
        """The text of the turn, without images and the like."""
        match self.content:
            case None:
                return ""
            case str(text):
                return text
            case parts:
                return " ".join(part.text for part in parts if part.text)


class Function(_Body):
    """What a tool is called and takes."""

    name: NonEmpty
    parameters: dict[str, JsonValue] = {}


class Tool(_Body):
    """A tool that the answer may call."""

    type: Literal["function"] = "function"
    function: Function


class StreamOptions(_Body):
    """What else a stream shall carry."""

    include_usage: bool = False


class ChatRequest(_Body):
    """A request for one chat completion."""

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

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end the answer."""
        match self.stop:
            case None:
                return ()
            case str(text):
                return (text,)
            case texts:
                return texts

    @property
    def token_limit(self) -> int | None:
        """The most tokens the answer may have, under its new name or the old one."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


def read_request(body: bytes) -> ChatRequest:
    """Read the body of a request.

    Raises:
        RequestError: 400, naming the field at fault.

    """
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise RequestError(f"Send a body that is valid JSON ({first['msg']}).", code="invalid_json")
    place = ".".join(str(step) for step in first["loc"]) or "body"
    raise RequestError(f"Change '{place}': {first['msg']}.", param=str(first["loc"][0]) if first["loc"] else None)
