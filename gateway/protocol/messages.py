"""The messages of a conversation, in the form of OpenAI's chat completions.

Fields that are not declared are passed on: each wire format of a provider takes what it can express. Here only what no
provider could read is refused.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator

from gateway.protocol.validation import MAX_NAME_LENGTH, JsonObject, problem_at

PartType = Literal[
    "text",
    "image_url",
    "input_audio",
    "file",
    "refusal",
    "thinking",
    "redacted_thinking",
    # Of other servers with OpenAI's chat API: vLLM, Qwen, Mistral, Zhipu, Perplexity.
    "audio_url",
    "video_url",
    "image_embeds",
    "audio_embeds",
    "video",
    "document_url",
    "reference",
    "file_url",
    "pdf_url",
    # The names of OpenAI's Responses API, which some servers take in chat messages, too.
    "input_text",
    "input_image",
    "input_file",
    "output_text",
    # Of Anthropic's Messages API, whose blocks are passed on as they are.
    "image",
    "document",
    "search_result",
    "container_upload",
    "compaction",
    "tool_use",
    "tool_result",
    "server_tool_use",
    "tool_search_tool_result",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
]
"""Types of content parts that some provider reads. Many servers ignore others in silence, and answer without them."""


_PART_TYPES: Final = get_args(PartType)
_TEXT_PARTS: Final = frozenset({"text", "input_text"})

_REPLACES_CONTENT: Final = ("tool_calls", "function_call", "audio", "refusal")
"""Fields of an assistant's message beside which its content may be null for the providers, too."""

_EMPTY_TEXT: Final[JsonObject] = {
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"const": ""}},
}
_TEXT_OR_NULL: Final[JsonObject] = {"type": ["string", "null"]}
_OBJECT_OR_NULL: Final[JsonObject] = {"type": ["object", "null"]}

_REASONING_TEXTS: Final = ("text", "summary", "data", "signature", "format", "id")
_THINKING_TEXTS: Final[Mapping[str, str]] = {"thinking": "thinking", "redacted_thinking": "data"}
"""The text of a thinking block, by its type (docs.anthropic.com, "Extended thinking")."""


def _describe(schema: JsonObject) -> None:
    """Add the rules of the validators below to the JSON schema. A test compares the two."""
    has_content: JsonObject = {"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}}
    not_empty: list[JsonValue] = [
        {"type": "string", "minLength": 1},
        {"type": "array", "contains": {"not": _EMPTY_TEXT}},
    ]
    call: JsonObject = {"properties": {"signature": _TEXT_OR_NULL, "extra_content": _OBJECT_OR_NULL}}
    part: JsonObject = {"properties": {"type": {"enum": [*_PART_TYPES]}}, "required": ["type"]}
    schema["allOf"] = [{"properties": {"content": {"items": part}}}]
    schema["anyOf"] = [
        {"properties": {"role": {"enum": ["system", "developer"]}}, "allOf": [has_content]},
        {"properties": {"role": {"const": "user"}, "content": {"anyOf": not_empty}}, "required": ["content"]},
        {"properties": {"role": {"const": "tool"}}},
        {
            "properties": {
                "role": {"const": "assistant"},
                "tool_calls": {"items": call},
                "reasoning_details": {
                    "type": ["array", "null"],
                    "items": {
                        "type": "object",
                        "properties": {"type": {"type": "string"}, **dict.fromkeys(_REASONING_TEXTS, _TEXT_OR_NULL)},
                        "required": ["type"],
                    },
                },
                "thinking_blocks": {
                    "type": ["array", "null"],
                    "items": {
                        "type": "object",
                        "anyOf": [
                            {
                                "properties": {
                                    "type": {"const": kind},
                                    field: {"type": "string"},
                                    "signature": _TEXT_OR_NULL,
                                },
                                "required": ["type", field],
                            }
                            for kind, field in _THINKING_TEXTS.items()
                        ],
                    },
                },
            }
        },
    ]


class Message(BaseModel):
    """One message of the conversation. Fields that are not declared here are passed on to the provider.

    Content that is null or missing in an assistant's or a tool's message is the empty text: OpenAI's own answers have
    it null, and some providers refuse to read that again.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, json_schema_extra=_describe)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[JsonObject] | None = None

    @model_validator(mode="after")
    def _fill_content(self) -> "Message":
        if self.content is not None:
            return self
        extra = self.model_extra or {}
        if self.role == "tool" or (self.role == "assistant" and not any(map(extra.get, _REPLACES_CONTENT))):
            # It is frozen for its users, who get it after this.
            self.__dict__["content"] = ""
            self.__pydantic_fields_set__.add("content")
        elif self.role != "assistant":
            problem = "content is null" if "content" in self.model_fields_set else "content is missing"
            raise problem_at(("content",), f"{problem}: send a string or a list of content parts")
        return self


def check_message(message: Message) -> Message:
    """Check a message that a client sends, and return it.

    Raises:
        PydanticCustomError: naming the field that no provider could read.
    """
    if _is_plain_text(message):
        return message
    if (at := unknown_part(message)) is not None:
        kind = _type_of(message, at)[:MAX_NAME_LENGTH]
        raise problem_at(("content", at, "type"), f"{kind!r} is not known; known are: {', '.join(_PART_TYPES)}")
    return check_form(message)


def check_form(message: Message) -> Message:
    """Check a message whose content parts may be of a type that the provider alone knows, and return it.

    Raises:
        PydanticCustomError: naming the field that no provider could read.
    """
    if _is_plain_text(message):
        return message
    for at, part in enumerate(message.content if isinstance(message.content, list) else ()):
        if not isinstance(kind := part.get("type"), str):
            problem = "is missing" if kind is None else "must be a string"
            raise problem_at(("content", at, "type"), f"{problem}; known are: {', '.join(_PART_TYPES)}")
    if message.role == "user" and _is_empty(message.content):
        raise problem_at(("content",), "is empty: send a text or another content part")
    if message.role == "assistant":
        _check_answer(message.model_extra or {})
    return message


def _is_plain_text(message: Message) -> bool:
    """Return True for a message with a text and nothing to check, as most are: no parts, no fields of an answer."""
    content = message.content
    return type(content) is str and content != "" and (message.role != "assistant" or not message.model_extra)


def text_of(message: Message) -> str:
    """Return the text of a message, without what other content parts hold."""
    if not isinstance(message.content, list):
        return message.content or ""
    texts = (part.get("text") for part in message.content if part.get("type") in _TEXT_PARTS)
    return "".join(text for text in texts if isinstance(text, str))


def unknown_part(message: Message) -> int | None:
    """Return the index of the first content part of a type that is not known here, or None."""
    for at, part in enumerate(message.content if isinstance(message.content, list) else ()):
        if (kind := part.get("type")) is not None and kind not in _PART_TYPES:
            return at
    return None


def _type_of(message: Message, at: int) -> str:
    return str(message.content[at].get("type")) if isinstance(message.content, list) else ""


def _is_empty(content: str | list[JsonObject] | None) -> bool:
    if not isinstance(content, list):
        return not content
    return all(part["type"] == "text" and part.get("text") == "" for part in content)


def _check_answer(fields: Mapping[str, JsonValue]) -> None:
    """Check the form of what an assistant's message gives back, so that every wire format can rely on it.

    Raises:
        PydanticCustomError: naming the field.
    """
    calls = fields.get("tool_calls")
    # What a call itself needs depends on the provider: its wire format refuses the others.
    for at, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            _check_texts(call, ("signature",), ("tool_calls", at))
            if not isinstance(call.get("extra_content"), dict | None):
                raise problem_at(("tool_calls", at, "extra_content"), "must be an object")
    for path, detail in _objects(fields, "reasoning_details"):
        if not isinstance(detail.get("type"), str):
            raise problem_at((*path, "type"), "must be a string, such as reasoning.text or reasoning.encrypted")
        _check_texts(detail, _REASONING_TEXTS, path)
    for path, block in _objects(fields, "thinking_blocks"):
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in _THINKING_TEXTS:
            raise problem_at((*path, "type"), f"must be one of: {', '.join(_THINKING_TEXTS)}")
        text = _THINKING_TEXTS[kind]
        if not isinstance(block.get(text), str):
            raise problem_at((*path, text), "must be a string")
        _check_texts(block, ("signature",), path)


def _objects(fields: Mapping[str, JsonValue], name: str) -> list[tuple[tuple[str | int, ...], JsonObject]]:
    """Return the objects of a field that is a list, or null, each with its path."""
    items = fields.get(name)
    if items is None:
        return []
    if not isinstance(items, list):
        raise problem_at((name,), "must be a list of objects")
    found: list[tuple[tuple[str | int, ...], JsonObject]] = []
    for at, item in enumerate(items):
        if not isinstance(item, dict):
            raise problem_at((name, at), "must be an object")
        found.append(((name, at), item))
    return found


def _check_texts(item: JsonObject, names: tuple[str, ...], path: tuple[str | int, ...]) -> None:
    for name in names:
        if not isinstance(item.get(name), str | None):
            raise problem_at((*path, name), "must be a string")
