"""Request body of `POST /v1/messages` (platform.claude.com/docs, API reference, "Create a Message")."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.request_model import NonEmpty, RequestModel, StrictRequestModel, field_names, parse_body
from gateway.simulator.request import Function, Request, Turn, join_texts

NEWEST_VERSION: Final = "2026-10-21"
VERSIONS: Final = ("2023-01-01", "2023-06-01", NEWEST_VERSION)
_REMOVED_IN_NEWEST: Final = ("temperature", "top_p", "top_k")

_REQUIRED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
}


def _blocks(content: object) -> object:
    if not isinstance(content, str):
        return content
    return ({"type": "text", "text": content},) if content else ()


class Block(RequestModel):
    """One content block of a message; its type determines which fields it has."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, JsonValue] | None = None
    tool_use_id: str = ""
    content: "Blocks" = ()

    @model_validator(mode="after")
    def _has_required_fields(self) -> Self:
        for name in _REQUIRED_FIELDS.get(self.type, ()):
            if getattr(self, name) in (None, ""):
                context = {"type": self.type, "name": name}
                raise PydanticCustomError("block", "{type} content blocks must have a non-empty {name}", context)
        return self


Blocks = Annotated[tuple[Block, ...], BeforeValidator(_blocks)]


class Message(RequestModel):
    """One message; results of tools are blocks of a message of the user."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[Blocks, Field(min_length=1)]

    def turns(self) -> Iterator[Turn]:
        """Yield the turns: one per result of a tool, then one for the text."""
        results = [block for block in self.content if block.type == "tool_result"]
        for result in results:
            yield Turn("tool", _text(result.content))
        text = _text(self.content)
        if text or not results:
            yield Turn(self.role, text)


class Tool(RequestModel):
    """A tool that the model may call; tools that Anthropic runs have a type and no schema."""

    name: NonEmpty
    type: str = "custom"
    input_schema: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _has_a_schema(self) -> Self:
        if self.type == "custom" and self.input_schema is None:
            raise PydanticCustomError("missing", "input_schema: Field required")
        return self


class MessagesBody(StrictRequestModel):
    """A request for a message."""

    ignored: ClassVar[frozenset[str]] = field_names(
        "cache_control container context_management diagnostics inference_geo mcp_servers metadata output_config "
        "output_format service_tier speed thinking tool_choice"
    )

    model: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    # 0 fills the provider's cache and generates nothing.
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
    def _check_order(cls, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        if messages[0].role != "user":
            problem: Final = "the first message must use the \"user\" role; instructions go into 'system'"
            raise PydanticCustomError("order", problem)
        for previous, following in zip((None, *messages), (*messages, None), strict=True):
            _match_results(_ids(previous, "tool_use"), _ids(following, "tool_result"))
        return messages


def parse_messages(body: bytes, headers: Mapping[str, str]) -> Request:
    """Parse a request body, and the header with the version of the format.

    Raises:
        RequestError: 400, with the field that is not valid.

    """
    version = headers.get("anthropic-version")
    if version not in VERSIONS:
        problem = "header is required" if version is None else f'"{version}" is not a valid version'
        raise RequestError(f"anthropic-version: {problem}; send '{VERSIONS[-1]}'.", param="anthropic-version")
    parsed = parse_body(MessagesBody, body)
    for name in _REMOVED_IN_NEWEST if version == NEWEST_VERSION else ():
        # Any value is refused, the default included (platform.claude.com/docs, "Versions").
        if name in parsed.model_fields_set:
            raise RequestError(f"Leave out '{name}': version {version} does not have it.", param=name)
    instructions = [Turn("system", _text(parsed.system))] if parsed.system else []
    return Request(
        model=parsed.model,
        turns=(*instructions, *(turn for message in parsed.messages for turn in message.turns())),
        stream=parsed.stream,
        max_tokens=parsed.max_tokens,
        stops=parsed.stop_sequences,
        tools=tuple(Function(name=tool.name, parameters=tool.input_schema or {}) for tool in parsed.tools),
    )


def _text(blocks: tuple[Block, ...]) -> str:
    return join_texts([block.text for block in blocks if block.type == "text"])


def _ids(message: Message | None, kind: str) -> set[str]:
    blocks = () if message is None else message.content
    return {block.id or block.tool_use_id for block in blocks if block.type == kind}


def _match_results(calls: set[str], results: set[str]) -> None:
    """Raise if a tool call has no result in the next message, or a result has no call in the previous one."""
    if missing := ", ".join(sorted(calls - results)):
        raise PydanticCustomError(
            "tool_use",
            "`tool_use` ids were found without `tool_result` blocks immediately after: {ids}",
            {"ids": missing},
        )
    if unexpected := ", ".join(sorted(results - calls)):
        raise PydanticCustomError(
            "tool_result",
            "`tool_result` blocks must have a `tool_use` block in the previous message: {ids}",
            {"ids": unexpected},
        )
