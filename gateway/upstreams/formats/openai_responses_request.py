"""Spell a call for the Responses API: OpenAI's chat words into those of its newer API. Pure.

platform.openai.com/docs/api-reference/responses/create, and the guides "Migrate to Responses" and "Function calling".
What has no word there is refused and not left out, unless it says nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest

Summary = Literal["auto", "concise", "detailed"]


def build_request(call: UpstreamRequest, summary: Summary | None = None) -> JsonObject:
    """Spell a call.

    System and developer messages stay items in their place: `instructions` holds but one, as text, at the top.

    Raises:
        NotSpelled: naming what the API has no word for.
    """
    options: JsonObject = {}
    for name, value in call.options.items():
        options |= _option(name, value)
    reasoning = options.get("reasoning")
    if isinstance(reasoning, dict) and summary:
        reasoning["summary"] = summary
    return {**options, "model": call.model, "input": _input(call.messages), "stream": True, "store": False}


def _no_word(what: str) -> UnsupportedOption:
    return UnsupportedOption(f"The provider has no word for {what}: leave it out.")


def _option(name: str, value: JsonValue) -> JsonObject:
    spell = _OPTIONS.get(name)
    if spell is not None:
        return spell(value)
    if name in _UNSAID and value == _UNSAID[name]:
        return {}
    raise _no_word(f"the option {name[:64]!r}")


def _flat(value: JsonValue) -> JsonValue:
    """Lift what chat completions put under a key that is named like the type: `{"type": "x", "x": {…}}`."""
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    inner = value.get(kind) if isinstance(kind, str) else None
    return {**inner, **{key: value[key] for key in value if key != kind}} if isinstance(inner, dict) else value


def _each(value: JsonValue, spell: Callable[[JsonValue], JsonValue]) -> JsonValue:
    return [spell(one) for one in value] if isinstance(value, list) else value


def _tool(tool: JsonValue) -> JsonValue:
    flat = _flat(tool)
    if flat is tool or not isinstance(flat, dict):
        # One of the provider's own (web_search and the like), or in this spelling already.
        return tool
    if flat["type"] == "function":
        # Unsaid, `strict` is false there and true here (guides/function-calling, "Strict mode"); `parameters` may be
        # missing only there.
        return {"parameters": {"type": "object", "properties": {}}, **flat, "strict": flat.get("strict") or False}
    return {**flat, "format": _flat(flat["format"])} if "format" in flat else flat


def _tool_choice(choice: JsonValue) -> JsonValue:
    flat = _flat(choice)
    return {**flat, "tools": _each(flat["tools"], _flat)} if isinstance(flat, dict) and "tools" in flat else flat


_OPTIONS: Mapping[str, Callable[[JsonValue], JsonObject]] = {
    "temperature": lambda value: {"temperature": value},
    "top_p": lambda value: {"top_p": value},
    "max_tokens": lambda value: {"max_output_tokens": value},
    "tools": lambda value: {"tools": _each(value, _tool)},
    "tool_choice": lambda value: {"tool_choice": _tool_choice(value)},
    "parallel_tool_calls": lambda value: {"parallel_tool_calls": value},
    "response_format": lambda value: {"text": {"format": _flat(value)}},
    "reasoning_effort": lambda value: {"reasoning": {"effort": value}},
    # `user` is deprecated for it (api-reference/responses/create).
    "user": lambda value: {"safety_identifier": value},
}

_UNSAID: Mapping[str, JsonValue] = {"stop": [], "presence_penalty": 0, "frequency_penalty": 0}
"""Options without a word here, and the value that says nothing: many clients send their defaults."""


def _input(messages: Sequence[Message]) -> list[JsonValue]:
    items = [item for message in messages for item in _items(message)]
    custom = {item["call_id"] for item in items if item["type"] == "custom_tool_call"}
    for item in items:
        if item["type"] == "function_call_output" and item["call_id"] in custom:
            item["type"] = "custom_tool_call_output"
    return [*items]


def _items(message: Message) -> Iterator[JsonObject]:
    extra: JsonObject = message.model_extra or {}
    if message.role == "tool":
        if not isinstance(extra.get("tool_call_id"), str):
            raise UnsupportedOption("A tool message says no tool_call_id: give that of the call it answers.")
        yield {"type": "function_call_output", "call_id": extra["tool_call_id"], "output": _content(message)}
        return
    for name in ("name", "audio", "function_call"):
        if extra.get(name):
            raise _no_word(f"a message's {name!r}")
    content = _answer(message, extra.get("refusal")) if message.role == "assistant" else _content(message)
    if content or message.role != "assistant":
        yield {"type": "message", "role": message.role, "content": content}
    calls = extra.get("tool_calls")
    yield from map(_call, calls if isinstance(calls, list) else ())


def _content(message: Message) -> JsonValue:
    return [_part(part) for part in message.content] if isinstance(message.content, list) else message.content


def _answer(message: Message, refusal: JsonValue) -> JsonValue:
    """Spell what an assistant said: as one text where it is no more than that.

    A list is to servers that check by OpenAI's own types (vLLM) an item of their own, whose id is missing (openai/codex
    #12669).
    """
    content: Sequence[JsonObject] = message.content if isinstance(message.content, list) else ()
    if isinstance(message.content, str) and message.content:
        content = [{"type": "text", "text": message.content}]
    if refusal:
        content = [*content, {"type": "refusal", "refusal": refusal}]
    plain = [part.get("text") for part in content if part.keys() == {"type", "text"} and part["type"] == "text"]
    texts = [text for text in plain if isinstance(text, str)]
    return "".join(texts) if len(texts) == len(content) else [_part(part, assistant=True) for part in content]


def _part(part: JsonObject, *, assistant: bool = False) -> JsonObject:
    match part:
        case {"type": "text", **rest}:
            return {"annotations": [], **rest, "type": "output_text"} if assistant else {**rest, "type": "input_text"}
        case {"type": "refusal"} if assistant:
            return part
        case {"type": "image_url", "image_url": dict() as image, **rest} if not assistant:
            detail = image.get("detail") or "auto"
            return {**rest, "type": "input_image", "image_url": image.get("url"), "detail": detail}
        case {"type": "file", "file": dict() as file, **rest} if not assistant:
            return {**rest, **file, "type": "input_file"}
    where = "an assistant's message" if assistant else "a message"
    raise _no_word(f"a part of type {str(part.get('type'))[:64]!r} in {where}")


def _call(call: JsonValue) -> JsonObject:
    match call:
        case {"id": str(call_id), "type": "custom", "custom": {"name": str(name), "input": str(said)}}:
            return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": said}
        case {"id": str(call_id), "function": {"name": str(name), "arguments": str(said)}}:
            return {"type": "function_call", "call_id": call_id, "name": name, "arguments": said}
    raise UnsupportedOption("A tool call in the messages can't be read: it needs id, function.name and .arguments.")
