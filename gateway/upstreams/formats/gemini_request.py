"""Build the body of Google's Gemini API from a request in OpenAI's chat format. Pure.

Sources: ai.google.dev/api/generate-content (fields), and the guides "Function calling", "Thinking", "Thought
signatures", "Structured outputs", "File input methods", "OpenAI compatibility". What Gemini can't express is refused,
and not dropped unless it has no effect on the answer.
"""

from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.earlier_turns import check_assistant, earlier_reasoning, is_thinking
from gateway.upstreams.formats.gemini_thoughts import unpack
from gateway.upstreams.formats.json_values import list_of, object_of, objects_of, text_of
from gateway.upstreams.formats.thought_signatures import STAND_IN, call_signature, is_before_gemini_3

_GENERATION_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "frequency_penalty": "frequencyPenalty",
}
_OPTIONS = {
    *_GENERATION_CONFIG,
    *("stop", "response_format", "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls"),
    # It identifies the client to the provider and has no effect on the answer: it is dropped.
    "user",
}
_MESSAGE_FIELDS = {"role", "content", "tool_call_id"}

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Thinking budget in tokens by `reasoning_effort`, before Gemini 3 (the guide "OpenAI compatibility", "Thinking")."""

_SIGNATURES = ("thoughtSignature", "thought_signature")

_LEVELS = {"minimal", "low", "medium", "high", "xhigh"}
"""Values of `reasoning_effort` that are thinking levels, from Gemini 3 on."""

_IMAGE_TYPES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "heic": "heic", "heif": "heif"}


def build_request(request: UpstreamRequest) -> JsonObject:
    """Build the body of `streamGenerateContent`.

    Raises:
        UnsupportedOption: naming the field that Gemini can't express.
    """
    options: JsonObject = {name: value for name, value in request.options.items() if value is not None}
    _check_fields(options, _OPTIONS, "options")
    body = _conversation(request)
    if config := _generation_config(request.model, options):
        body["generationConfig"] = config
    return body | _tools(options)


_ROLES: Final = {"assistant": "model", "user": "user"}
"""Roles of the messages that are added to a client's own body: a partial answer, and feedback on it."""


def adapt_request(body: JsonObject, request: UpstreamRequest) -> JsonObject:
    """Return a client's own body with what the gateway decides: the model, and a lower limit of the output.

    Names of fields may also be in snake_case, as in all JSON of Google's APIs.
    """
    # The path names the model; a client's name of it may be another one.
    adapted = {name: value for name, value in body.items() if name != "model"}
    if isinstance(contents := body.get("contents"), list):
        added: list[JsonValue] = [
            {"role": _ROLES[message.role], "parts": [{"text": message.content}]}
            for message in request.added
            if isinstance(message.content, str)
        ]
        adapted["contents"] = [*(_own_signatures(content, request.model) for content in contents), *added]
    limit = request.options.get("max_tokens")
    if not isinstance(limit, int):
        return adapted
    name = "generation_config" if "generation_config" in body else "generationConfig"
    config = {**object_of(body.get(name))}
    for spelling in ("max_output_tokens", "maxOutputTokens"):
        config.pop(spelling, None)
    return {**adapted, name: {**config, "maxOutputTokens": limit}}


def _own_signatures(content: JsonValue, model: str) -> JsonValue:
    """Return a turn without the signatures of other providers, which Google's servers refuse."""
    parts = objects_of(object_of(content).get("parts"))
    packed = [name for part in parts for name in _SIGNATURES if unpack(text_of(part.get(name)) or "")]
    if not packed or not isinstance(content, dict):
        return content
    return {**content, "parts": [_own_signature(part, model) for part in parts]}


def _own_signature(part: JsonObject, model: str) -> JsonObject:
    name = next((name for name in _SIGNATURES if unpack(text_of(part.get(name)) or "")), None)
    if name is None:
        return part
    rest = {key: value for key, value in part.items() if key != name}
    is_call = "functionCall" in part or "function_call" in part
    return {**rest, name: STAND_IN} if is_call and not is_before_gemini_3(model) else rest


def _conversation(request: UpstreamRequest) -> JsonObject:
    """Build `systemInstruction` and `contents` from the messages.

    System messages are collected from wherever they stand; consecutive messages of one side are joined; an empty
    message is dropped.
    """
    system, names, turns = list[JsonValue](), dict[str, str](), list[tuple[str, list[JsonValue]]]()
    for at, message in enumerate(request.messages):
        path, fields = f"messages[{at}]", message.model_dump(exclude_unset=True)
        if message.role == "assistant":
            check_assistant(fields, path)
        else:
            _check_fields(fields, {*_MESSAGE_FIELDS, "name"} if message.role == "tool" else _MESSAGE_FIELDS, path)
        parts = _result(fields, names, path) if message.role == "tool" else _parts(fields.get("content"), path)
        if message.role in {"system", "developer"}:
            system += [{"text": text} for text in _texts(parts, path)]
            continue
        if message.role == "assistant":
            parts += [*_parts(fields.get("refusal"), path), *_calls(request.model, fields, names, path)]
        role = "model" if message.role == "assistant" else "user"
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(parts)
        elif parts:
            turns.append((role, parts))
    if not turns:
        raise _unsupported("messages", "must contain one that is not empty and not a system message")
    body: JsonObject = {"contents": [{"role": role, "parts": parts} for role, parts in turns]}
    return {"systemInstruction": {"parts": system}, **body} if system else body


def _parts(content: JsonValue, path: str) -> list[JsonValue]:
    """Build the parts of a message's content, without empty text, which Gemini refuses."""
    if isinstance(content, str):
        return [{"text": content}] if content else []
    items = enumerate(_items(content, f"{path}.content"))
    # Thinking of Anthropic's models means nothing to others.
    parts = [_part(part, f"{path}.content[{at}]") for at, part in items if not is_thinking(part)]
    return [part for part in parts if part != {"text": ""}]


def _part(part: JsonObject, path: str) -> JsonObject:
    kind = part.get("type")
    if kind in {"text", "refusal"} and isinstance(text := part.get(str(kind)), str):
        _check_fields(part, {"type", str(kind)}, path)
        return {"text": text}
    image = object_of(part.get("image_url"))
    if kind != "image_url" or not isinstance(url := image.get("url"), str):
        raise _unsupported(path, "must be text or image_url for this provider")
    _check_fields(part, {"type", "image_url"}, path)
    # `detail` is a hint without a counterpart; Codex always sends one.
    _check_fields(image, {"url", "detail"}, f"{path}.image_url")
    return _image(url, f"{path}.image_url.url")


def _image(url: str, path: str) -> JsonObject:
    """Build the part of an image: inline data, or an address that Gemini fetches itself (not all models do)."""
    head, _, data = url.partition(",")
    if head.startswith("data:") and head.endswith(";base64") and "/" in head:
        return {"inlineData": {"mimeType": head[5:].partition(";")[0], "data": data}}
    if not url.startswith("https://"):
        raise _unsupported(path, "must be a data: URL in base64, or an https: URL")
    kind = _IMAGE_TYPES.get(url.partition("?")[0].rpartition(".")[2].lower())
    return {"fileData": {**({"mimeType": f"image/{kind}"} if kind else {}), "fileUri": url}}


def _texts(parts: list[JsonValue], path: str) -> list[str]:
    """Return the texts of parts; raise if a part is not text."""
    texts = [object_of(part).get("text") for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise _unsupported(f"{path}.content", "may contain only text in a message of this role")
    return [text for text in texts if isinstance(text, str)]


def _calls(model: str, fields: JsonObject, names: dict[str, str], path: str) -> list[JsonObject]:
    """Build the parts of a message's tool calls, and add their functions' names to `names`, by call id."""
    path = f"{path}.tool_calls"
    # OpenRouter has the signature of a call in a detail with the call's id.
    signed = {each.id: each.data for each in earlier_reasoning(fields, "google") if each.id}
    items = enumerate(_items(fields.get("tool_calls"), path))
    calls = [_call(call, names, signed, f"{path}[{at}]") for at, call in items]
    # Of parallel calls, only the first has a signature ("Thought signatures").
    if calls and "thoughtSignature" not in calls[0] and not is_before_gemini_3(model):
        calls[0]["thoughtSignature"] = STAND_IN
    return calls


def _call(call: JsonObject, names: dict[str, str], signed: dict[str, str], path: str) -> JsonObject:
    function, call_id = object_of(call.get("function")), call.get("id")
    if call.get("type", "function") != "function" or not isinstance(name := function.get("name"), str):
        raise _unsupported(path, "must be a call of a function with its name")
    arguments = _parse_object(str(function.get("arguments") or "{}"))
    if arguments is None:
        raise _unsupported(f"{path}.function.arguments", "must be a JSON object, as a string")
    function_call: JsonObject = {"name": name, "args": arguments}
    if isinstance(call_id, str):
        names[call_id] = name
        function_call["id"] = call_id
    signature = call_signature(call) or signed.get(str(call_id))
    return {"functionCall": function_call, **({"thoughtSignature": signature} if signature else {})}


def _result(fields: JsonObject, names: dict[str, str], path: str) -> list[JsonValue]:
    """Build the part of a tool's result: a JSON object as it is, any other text as the field `result`."""
    call_id = str(fields.get("tool_call_id"))
    name = names.get(call_id) or fields.get("name")
    if not isinstance(name, str):
        raise _unsupported(f"{path}.tool_call_id", "must be the id of a tool call in an earlier message")
    text = "".join(_texts(_parts(fields.get("content"), path), path))
    value = _parse_object(text)
    response: JsonObject = {"name": name, "response": {"result": text} if value is None else value}
    return [{"functionResponse": {"id": call_id, **response} if call_id in names else response}]


def _parse_object(text: str) -> JsonObject | None:
    """Parse a JSON object; None if the text is not one, or too deep to be encoded inside the body."""
    try:
        value = orjson.loads(text)
        # It stands this deep in the body, and orjson refuses to encode more than 254 levels.
        orjson.dumps([[[[[[value]]]]]])
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if isinstance(value, dict) else None


def _generation_config(model: str, options: JsonObject) -> JsonObject:
    config: JsonObject = {theirs: options[ours] for ours, theirs in _GENERATION_CONFIG.items() if ours in options}
    if "stop" in options:
        stop = options["stop"]
        config["stopSequences"] = stop if isinstance(stop, list) else [stop]
    if "response_format" in options:
        config |= _response_format(object_of(options["response_format"]))
    if "reasoning_effort" in options:
        config["thinkingConfig"] = _thinking(model, str(options["reasoning_effort"]))
    return config


def _response_format(requested: JsonObject) -> JsonObject:
    kind, schema = requested.get("type"), object_of(requested.get("json_schema")).get("schema")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"responseMimeType": "application/json"}
    if kind == "json_schema" and isinstance(schema, dict):
        return {"responseMimeType": "application/json", "responseJsonSchema": schema}
    raise _unsupported("options.response_format", "must be text, json_object, or json_schema with its schema")


def _thinking(model: str, effort: str) -> JsonObject:
    """Build `thinkingConfig`: a budget up to Gemini 2.5, a level since; and thoughts are to be included."""
    if effort == "none":
        # `includeThoughts` without thinking is an error.
        return {"thinkingBudget": 0}
    by_budget = is_before_gemini_3(model)
    if effort not in (_BUDGETS if by_budget else _LEVELS):
        raise _unsupported(
            "options.reasoning_effort", "must be none, minimal, low, medium or high (from Gemini 3 on, xhigh)"
        )
    config: JsonObject = {"thinkingBudget": _BUDGETS[effort]} if by_budget else {"thinkingLevel": effort.upper()}
    return {**config, "includeThoughts": True}


def _tools(options: JsonObject) -> JsonObject:
    # Gemini can't be kept from calling several functions at once. `parallel_tool_calls: false` is dropped all the same:
    # agents send it with every request, and run several calls one after the other.
    tools = _items(options.get("tools"), "options.tools")
    choice, body = options.get("tool_choice"), JsonObject()
    if tools:
        functions = [_function(tool, f"options.tools[{at}]") for at, tool in enumerate(tools)]
        body["tools"] = [{"functionDeclarations": [*functions]}]
    strict = any(object_of(tool.get("function")).get("strict") is True for tool in tools)
    if choice is not None or strict:
        body["toolConfig"] = {"functionCallingConfig": _tool_choice(choice, strict=strict)}
    return body


def _function(tool: JsonObject, path: str) -> JsonObject:
    function = object_of(tool.get("function"))
    if tool.get("type") != "function" or not isinstance(function.get("name"), str):
        raise _unsupported(path, "must be a function with a name: other tools are not passed on to Gemini")
    _check_fields(tool, {"type", "function"}, path)
    # `strict` has no field here: Gemini has it for all functions together, see `_tool_choice`.
    _check_fields(function, {"name", "description", "parameters", "strict"}, f"{path}.function")
    fields = {"name": "name", "description": "description", "parameters": "parametersJsonSchema"}
    return {theirs: function[ours] for ours, theirs in fields.items() if function.get(ours) is not None}


def _tool_choice(choice: JsonValue, *, strict: bool) -> JsonObject:
    if choice is None or choice == "auto":
        # VALIDATED is AUTO, but calls must match their schemas. With ANY they always do.
        return {"mode": "VALIDATED" if strict else "AUTO"}
    if choice == "none":
        return {"mode": "NONE"}
    if choice == "required":
        return {"mode": "ANY"}
    requested = object_of(choice)
    name = object_of(requested.get("function")).get("name")
    if requested.get("type") != "function" or not isinstance(name, str):
        raise _unsupported("options.tool_choice", "must be auto, none, required, or a function with its name")
    return {"mode": "ANY", "allowedFunctionNames": [name]}


def _items(value: JsonValue, path: str) -> list[JsonObject]:
    """Return the objects of a list, which may be missing; raise if the value is anything else."""
    items = [item for item in list_of(value) if isinstance(item, dict)]
    if value is not None and not (isinstance(value, list) and len(items) == len(value)):
        raise _unsupported(path, "must be a list of objects")
    return items


def _check_fields(value: JsonObject, known: set[str], path: str) -> None:
    """Raise if a field outside `known` has a value; empty values have no effect and pass."""
    for name, content in value.items():
        if content and name not in known:
            raise _unsupported(f"{path}.{name}", "the provider does not support it: leave it out")


def _unsupported(path: str, reason: str) -> UnsupportedOption:
    return UnsupportedOption(f"{path}: {reason}.", path.removeprefix("options."))
