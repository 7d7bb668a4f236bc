"""Build the body of OpenAI's Responses API from a request in OpenAI's chat format. Pure.

Sources: platform.openai.com/docs/api-reference/responses/create, and the guides "Migrate to Responses" and "Function
calling". What the API can't express is refused, and not dropped unless it has no effect.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.call_ids import ToolIds
from gateway.upstreams.formats.earlier_turns import check_assistant, earlier_reasoning, is_thinking
from gateway.upstreams.formats.json_values import object_of

Summary = Literal["auto", "concise", "detailed"]


def build_request(request: UpstreamRequest, summary: Summary | None = None) -> JsonObject:
    """Build the body of a request.

    System and developer messages stay items in their place: `instructions` could hold only a single text, at the top.

    Raises:
        UnsupportedOption: naming what the API can't express.
    """
    options: JsonObject = {}
    for name, value in request.options.items():
        converted = _option(name, value)
        if "text" in converted:
            # Several options are fields of it.
            converted["text"] = {**object_of(options.get("text")), **object_of(converted["text"])}
        options |= converted
    reasoning = options.get("reasoning")
    if isinstance(reasoning, dict) and summary:
        reasoning["summary"] = summary
    built: JsonObject = {"model": request.model, "input": _input(request.messages), "stream": True, "store": False}
    return {**_shared_fields(request), **options, **built}


def _shared_fields(request: UpstreamRequest) -> JsonObject:
    """Return the fields of a client's request of chat completions that have the same name and meaning here."""
    sent = request.verbatim_for("openai")
    return {} if sent is None else {name: sent.body[name] for name in _SHARED if sent.body.get(name) is not None}


def adapt_request(body: JsonObject, request: UpstreamRequest) -> JsonObject:
    """Return a client's own body with what the gateway decides: the model, the limit of its tokens, no storage."""
    limit = request.options.get("max_tokens")
    decided: JsonObject = {} if limit is None else {"max_output_tokens": limit}
    adapted = {**body, **decided, "model": request.model, "stream": True, "store": False}
    if request.added:
        sent = body.get("input")
        items = sent if isinstance(sent, list) else [{"role": "user", "content": sent}]
        adapted["input"] = [*items, *request.added_turns()]
    return adapted


def _unsupported(subject: str, param: str | None = None) -> UnsupportedOption:
    return UnsupportedOption(f"The provider does not support {subject}: leave it out.", param)


def _option(name: str, value: JsonValue) -> JsonObject:
    convert = _OPTIONS.get(name)
    if convert is not None:
        return convert(value)
    if name in _UNSUPPORTED_DEFAULTS and value == _UNSUPPORTED_DEFAULTS[name]:
        return {}
    raise _unsupported(f"the option {name[:64]!r}", name[:64])


def _flatten(value: JsonValue) -> JsonValue:
    """Lift the fields that chat completions nest under a key named like the type: `{"type": "x", "x": {…}}`."""
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    inner = value.get(kind) if isinstance(kind, str) else None
    return {**inner, **{key: value[key] for key in value if key != kind}} if isinstance(inner, dict) else value


def _each(value: JsonValue, convert: Callable[[JsonValue], JsonValue]) -> JsonValue:
    return [convert(item) for item in value] if isinstance(value, list) else value


def _tool(tool: JsonValue) -> JsonValue:
    flat = _flatten(tool)
    if flat is tool or not isinstance(flat, dict):
        # One of the provider's own tools (such as web_search), or a tool in this API's format already.
        return tool
    if flat["type"] == "function":
        # The default of `strict` is false in chat completions and true here (guides/function-calling, "Strict mode").
        # `parameters` is optional only there.
        return {"parameters": {"type": "object", "properties": {}}, **flat, "strict": flat.get("strict") or False}
    return {**flat, "format": _flatten(flat["format"])} if "format" in flat else flat


def _tool_choice(choice: JsonValue) -> JsonValue:
    flat = _flatten(choice)
    return {**flat, "tools": _each(flat["tools"], _flatten)} if isinstance(flat, dict) and "tools" in flat else flat


_OPTIONS: Mapping[str, Callable[[JsonValue], JsonObject]] = {
    "temperature": lambda value: {"temperature": value},
    "top_p": lambda value: {"top_p": value},
    "max_tokens": lambda value: {"max_output_tokens": value},
    "tools": lambda value: {"tools": _each(value, _tool)},
    "tool_choice": lambda value: {"tool_choice": _tool_choice(value)},
    "parallel_tool_calls": lambda value: {"parallel_tool_calls": value},
    "response_format": lambda value: {"text": {"format": _flatten(value)}},
    "verbosity": lambda value: {"text": {"verbosity": value}},
    "reasoning_effort": lambda value: {"reasoning": {"effort": value}},
    # Log probabilities are in the deltas only if the request includes them (api-reference/responses/create, `include`).
    "logprobs": lambda value: {"include": ["message.output_text.logprobs"]} if value else {},
    "top_logprobs": lambda value: {"top_logprobs": value},
    # It replaces the deprecated `user` (api-reference/responses/create).
    "user": lambda value: {"safety_identifier": value},
}

_SHARED: Final = ("service_tier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")

_UNSUPPORTED_DEFAULTS: Mapping[str, JsonValue] = {"stop": [], "presence_penalty": 0, "frequency_penalty": 0}
"""Unsupported options and their value without effect: many clients send their defaults."""


def _input(messages: Sequence[Message]) -> list[JsonValue]:
    ids = ToolIds()
    items = [item for at, message in enumerate(messages) for item in _items(message, f"messages[{at}]", ids)]
    # In chat completions, the result of a custom tool looks like that of a function: only its call tells.
    custom = {item["call_id"] for item in items if item["type"] == "custom_tool_call"}
    for item in items:
        if item["type"] == "function_call_output" and item["call_id"] in custom:
            item["type"] = "custom_tool_call_output"
    return [*items]


def _items(message: Message, path: str, ids: ToolIds) -> Iterator[JsonObject]:
    extra: JsonObject = message.model_extra or {}
    if message.role == "tool":
        call_id = extra.get("tool_call_id")
        if not isinstance(call_id, str):
            param = f"{path}.tool_call_id"
            raise UnsupportedOption(f"{param}: is missing: add the id of the call that the message answers.", param)
        output = _content(message, path) or ""
        yield {"type": "function_call_output", "call_id": ids.of_result(call_id), "output": output}
        return
    if message.role != "assistant":
        if extra.get("name"):
            raise _unsupported("a message's 'name'", f"{path}.name")
        yield {"type": "message", "role": message.role, "content": _content(message, path)}
        return
    check_assistant(extra, path)
    for each in earlier_reasoning(extra, "openai-responses"):
        if each.data:
            yield {
                "type": "reasoning",
                "summary": [],
                "encrypted_content": each.data,
                **({"id": each.id} if each.id else {}),
            }
    if content := _assistant_content(message, extra.get("refusal"), path):
        yield {"type": "message", "role": message.role, "content": content}
    calls = extra.get("tool_calls")
    for at, call in enumerate(calls if isinstance(calls, list) else ()):
        yield _call(call, f"{path}.tool_calls[{at}]", ids)


def _content(message: Message, path: str) -> JsonValue:
    if not isinstance(message.content, list):
        return message.content
    return [_part(part, f"{path}.content[{at}]") for at, part in enumerate(message.content)]


def _assistant_content(message: Message, refusal: JsonValue, path: str) -> JsonValue:
    """Build the content of an assistant's message: a string if it is nothing but text.

    A list would make servers that validate with OpenAI's own types (vLLM) expect an output item, and miss its id
    (openai/codex #12669).
    """
    content: Sequence[JsonObject] = (
        [part for part in message.content if not is_thinking(part)] if isinstance(message.content, list) else ()
    )
    if isinstance(message.content, str) and message.content:
        content = [{"type": "text", "text": message.content}]
    if refusal:
        content = [*content, {"type": "refusal", "refusal": refusal}]
    plain = [part.get("text") for part in content if part.keys() == {"type", "text"} and part["type"] == "text"]
    texts = [text for text in plain if isinstance(text, str)]
    return (
        "".join(texts)
        if len(texts) == len(content)
        else [_part(part, f"{path}.content", assistant=True) for part in content]
    )


def _part(part: JsonObject, path: str, *, assistant: bool = False) -> JsonObject:
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
    place = "an assistant's message" if assistant else "a message"
    raise _unsupported(f"a part of type {str(part.get('type'))[:64]!r} in {place}", path)


def _call(call: JsonValue, path: str, ids: ToolIds) -> JsonObject:
    match call:
        case {"id": str(call_id), "type": "custom", "custom": {"name": str(name), "input": str(text)}}:
            return {"type": "custom_tool_call", "call_id": ids.of_call(call_id), "name": name, "input": text}
        case {"id": str(call_id), "function": {"name": str(name), "arguments": str(text)}}:
            return {"type": "function_call", "call_id": ids.of_call(call_id), "name": name, "arguments": text or "{}"}
    raise UnsupportedOption(f"{path}: is invalid: it needs id, function.name and .arguments.", path)
