"""The body of `POST /v1/messages` (platform.claude.com/docs, API reference, "Create a Message")."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.bodies.base import Body, NonEmpty, StrictBody, checked, names
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Function, Request, Turn, joined

NEWEST: Final = "2026-10-21"
VERSIONS: Final = ("2023-01-01", "2023-06-01", NEWEST)
_NOT_IN_NEWEST: Final = ("temperature", "top_p", "top_k")

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
}


def _blocks(content: object) -> object:
    if not isinstance(content, str):
        return content
    return ({"type": "text", "text": content},) if content else ()


class Block(Body):
    """One block of a message's content; which fields it has depends on its type."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, JsonValue] | None = None
    tool_use_id: str = ""
    content: "Blocks" = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name in _NEEDS.get(self.type, ()):
            if getattr(self, name) in (None, ""):
                told = {"type": self.type, "name": name}
                raise PydanticCustomError("block", "{type} content blocks must have a non-empty {name}", told)
        return self


Blocks = Annotated[tuple[Block, ...], BeforeValidator(_blocks)]


class Message(Body):
    """One message; what tools gave back are blocks of the user's."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[Blocks, Field(min_length=1)]

    def turns(self) -> Iterator[Turn]:
        """Give the turns: each result of a tool, then what is said."""
        results = [block for block in self.content if block.type == "tool_result"]
        for result in results:
            yield Turn("tool", _text(result.content))
        text = _text(self.content)
        if text or not results:
            yield Turn(self.role, text)


class Tool(Body):
    """A tool that the answer may call; those that Anthropic runs itself have a type and no schema."""

    name: NonEmpty
    type: str = "custom"
    input_schema: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _has_a_schema(self) -> Self:
        if self.type == "custom" and self.input_schema is None:
            raise PydanticCustomError("missing", "input_schema: Field required")
        return self


class MessagesBody(StrictBody):
    """A request for one message."""

    accepted: ClassVar[frozenset[str]] = names(
        "cache_control container context_management diagnostics inference_geo mcp_servers metadata output_config "
        "output_format service_tier speed thinking tool_choice"
    )

    model: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    # None at all fills the provider's cache and gets no answer.
    max_tokens: Annotated[int, Field(ge=0)]
    system: Blocks = ()
    stream: bool = False
    stop_sequences: tuple[NonEmpty, ...] = ()
    tools: tuple[Tool, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None

    @field_validator("messages")
    @classmethod
    def _follow_each_other(cls, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        if messages[0].role != "user":
            problem: Final = "the first message must use the \"user\" role; instructions go into 'system'"
            raise PydanticCustomError("order", problem)
        for before, after in zip((None, *messages), (*messages, None), strict=True):
            _check_results(_ids(before, "tool_use"), _ids(after, "tool_result"))
        return messages


def read_messages(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read the body of a request, and the header that says which version of the format it is in.

    Raises:
        RequestError: 400, naming the field at fault.

    """
    version = headers.get("anthropic-version")
    if version not in VERSIONS:
        problem = "header is required" if version is None else f'"{version}" is not a valid version'
        raise RequestError(f"anthropic-version: {problem}; send '{VERSIONS[-1]}'.", param="anthropic-version")
    asked = checked(MessagesBody, body)
    for name in _NOT_IN_NEWEST if version == NEWEST else ():
        # Whatever the value, the default too (platform.claude.com/docs, "Versions").
        if name in asked.model_fields_set:
            raise RequestError(f"Leave out '{name}': version {version} does not have it.", param=name)
    instructions = [Turn("system", _text(asked.system))] if asked.system else []
    return Request(
        model=asked.model,
        turns=(*instructions, *(turn for message in asked.messages for turn in message.turns())),
        stream=asked.stream,
        max_tokens=asked.max_tokens,
        stops=asked.stop_sequences,
        tools=tuple(Function(name=tool.name, parameters=tool.input_schema or {}) for tool in asked.tools),
    )


def _text(blocks: tuple[Block, ...]) -> str:
    return joined([block.text for block in blocks if block.type == "text"])


def _ids(message: Message | None, kind: str) -> set[str]:
    blocks = () if message is None else message.content
    return {block.id or block.tool_use_id for block in blocks if block.type == kind}


def _check_results(asked: set[str], answered: set[str]) -> None:
    """Refuse calls without a result in the very next message, and results of calls that are not in the one before."""
    if missing := ", ".join(sorted(asked - answered)):
        raise PydanticCustomError(
            "tool_use",
            "`tool_use` ids were found without `tool_result` blocks immediately after: {ids}",
            {"ids": missing},
        )
    if unexpected := ", ".join(sorted(answered - asked)):
        raise PydanticCustomError(
            "tool_result",
            "`tool_result` blocks must have a `tool_use` block in the previous message: {ids}",
            {"ids": unexpected},
        )
