"""Spell a call for Google's Gemini API: OpenAI's words into Google's. Pure.

Sources: ai.google.dev/api/generate-content (fields), and the guides "Function calling", "Thinking", "Thought
signatures", "Structured outputs", "File input methods", "OpenAI compatibility". What Gemini has no word for is refused,
never dropped, unless it changes nothing of the answer.
"""

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.json_values import list_of, object_of

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "topP",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_OPTIONS = {
    *_SETTINGS,
    *("stop", "response_format", "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls"),
    # Who asks is for the provider's eyes alone, and changes nothing of the answer.
    "user",
}
_FIELDS = {
    *("role", "content", "refusal", "tool_calls", "tool_call_id"),
    # What a model thought, or cited, when it answered before: Gemini takes neither back.
    *("reasoning", "reasoning_content", "annotations"),
}

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Tokens of thought, for models before Gemini 3: the ones of Google's own "OpenAI compatibility"."""

_LEVELS = {"minimal", "low", "medium", "high", "xhigh"}

_UNSIGNED = "skip_thought_signature_validator"
"""Stands for a signature that is not known ("Thought signatures", FAQ).

Gemini 3 refuses a conversation in which a call of its own comes back without one, and OpenAI's spelling has no place
for it but the one that Google added: `extra_content.google.thought_signature`.
"""

_IMAGES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "heic": "heic", "heif": "heif"}


def build_request(call: UpstreamRequest) -> JsonObject:
    """Spell a call as the body of `streamGenerateContent`.

    Raises:
        NotSpelled: naming the field that Gemini has no word for.
    """
    options: JsonObject = {name: value for name, value in call.options.items() if value is not None}
    _only(options, _OPTIONS, "options")
    body = _conversation(call)
    if config := _config(call.model, options):
        body["generationConfig"] = config
    return body | _tools(options)


def _conversation(call: UpstreamRequest) -> JsonObject:
    """Spell the messages.

    Instructions stand beside the conversation there, whatever their place was in it; consecutive messages of one side
    become one; a message without a word is none.
    """
    system, names, sides = list[JsonValue](), dict[str, str](), list[tuple[str, list[JsonValue]]]()
    for at, message in enumerate(call.messages):
        where, fields = f"messages[{at}]", message.model_dump(exclude_unset=True)
        _only(fields, {*_FIELDS, "name"} if message.role == "tool" else _FIELDS, where)
        said = _result(fields, names, where) if message.role == "tool" else _parts(fields.get("content"), where)
        if message.role in {"system", "developer"}:
            system += [{"text": text} for text in _texts(said, where)]
            continue
        if message.role == "assistant":
            said += [*_parts(fields.get("refusal"), where), *_calls(call.model, fields, names, where)]
        side = "model" if message.role == "assistant" else "user"
        if sides and sides[-1][0] == side:
            sides[-1][1].extend(said)
        elif said:
            sides.append((side, said))
    if not sides:
        raise _refused("messages", "Gemini wants at least one that says something and is not a system message")
    body: JsonObject = {"contents": [{"role": side, "parts": said} for side, said in sides]}
    return {"systemInstruction": {"parts": system}, **body} if system else body


def _parts(content: JsonValue, where: str) -> list[JsonValue]:
    """Spell what a message says; empty text is nothing, and Gemini refuses it."""
    if isinstance(content, str):
        return [{"text": content}] if content else []
    parts = [_part(part, f"{where}.content[{at}]") for at, part in enumerate(_items(content, f"{where}.content"))]
    return [part for part in parts if part != {"text": ""}]


def _part(part: JsonObject, where: str) -> JsonObject:
    kind = part.get("type")
    if kind in {"text", "refusal"} and isinstance(text := part.get(str(kind)), str):
        _only(part, {"type", str(kind)}, where)
        return {"text": text}
    image = object_of(part.get("image_url"))
    if kind != "image_url" or not isinstance(url := image.get("url"), str):
        raise _refused(where, "is no content part that Gemini has a word for here: text and image_url are")
    _only(part, {"type", "image_url"}, where)
    _only(image, {"url", *(["detail"] if image.get("detail") == "auto" else [])}, f"{where}.image_url")
    return _image(url, f"{where}.image_url.url")


def _image(url: str, where: str) -> JsonObject:
    """Spell an image: as data, or by an address that Gemini itself fetches from (not all models do)."""
    head, _, data = url.partition(",")
    if head.startswith("data:") and head.endswith(";base64") and "/" in head:
        return {"inlineData": {"mimeType": head[5:].partition(";")[0], "data": data}}
    if not url.startswith("https://"):
        raise _refused(where, "must be a data: URL in base64, or an https: URL")
    kind = _IMAGES.get(url.partition("?")[0].rpartition(".")[2].lower())
    return {"fileData": {**({"mimeType": f"image/{kind}"} if kind else {}), "fileUri": url}}


def _texts(parts: list[JsonValue], where: str) -> list[str]:
    """Give the texts of parts that may hold nothing else."""
    texts = [object_of(part).get("text") for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise _refused(f"{where}.content", "may hold text only, in a message of this role")
    return [text for text in texts if isinstance(text, str)]


def _calls(model: str, fields: JsonObject, names: dict[str, str], where: str) -> list[JsonObject]:
    """Spell the calls that a message made, and note their functions' names for the results."""
    where = f"{where}.tool_calls"
    calls = [_call(call, names, f"{where}[{at}]") for at, call in enumerate(_items(fields.get("tool_calls"), where))]
    # Of calls side by side the first one alone is signed.
    if calls and "thoughtSignature" not in calls[0] and not _before_gemini_3(model):
        calls[0]["thoughtSignature"] = _UNSIGNED
    return calls


def _call(call: JsonObject, names: dict[str, str], where: str) -> JsonObject:
    function, identity = object_of(call.get("function")), call.get("id")
    if call.get("type", "function") != "function" or not isinstance(name := function.get("name"), str):
        raise _refused(where, "is not the call of a function by its name")
    _only(call, {"id", "type", "index", "function", "extra_content"}, where)
    _only(function, {"name", "arguments"}, f"{where}.function")
    arguments = _parsed(str(function.get("arguments") or "{}"))
    if arguments is None:
        raise _refused(f"{where}.function.arguments", "must be a JSON object, as a string")
    spelled: JsonObject = {"name": name, "args": arguments}
    if isinstance(identity, str):
        names[identity] = name
        spelled["id"] = identity
    signature = object_of(object_of(call.get("extra_content")).get("google")).get("thought_signature")
    return {"functionCall": spelled, **({"thoughtSignature": signature} if signature else {})}


def _result(fields: JsonObject, names: dict[str, str], where: str) -> list[JsonValue]:
    """Spell what a tool brought: a JSON object as it is, anything else as its `result`."""
    identity = str(fields.get("tool_call_id"))
    name = names.get(identity) or fields.get("name")
    if not isinstance(name, str):
        raise _refused(f"{where}.tool_call_id", "names no tool call of a message before this one")
    text = "".join(_texts(_parts(fields.get("content"), where), where))
    value = _parsed(text)
    response: JsonObject = {"name": name, "response": {"result": text} if value is None else value}
    return [{"functionResponse": {"id": identity, **response} if identity in names else response}]


def _parsed(text: str) -> JsonObject | None:
    """Give the JSON object that a text is; None if it is none, or too deep to be written within a body."""
    try:
        value = orjson.loads(text)
        orjson.dumps([[[[[[value]]]]]])
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if isinstance(value, dict) else None


def _config(model: str, options: JsonObject) -> JsonObject:
    config: JsonObject = {theirs: options[ours] for ours, theirs in _SETTINGS.items() if ours in options}
    if "stop" in options:
        stop = options["stop"]
        config["stopSequences"] = stop if isinstance(stop, list) else [stop]
    if "response_format" in options:
        config |= _format(object_of(options["response_format"]))
    if "reasoning_effort" in options:
        config["thinkingConfig"] = _thinking(model, str(options["reasoning_effort"]))
    return config


def _format(wanted: JsonObject) -> JsonObject:
    kind, schema = wanted.get("type"), object_of(wanted.get("json_schema")).get("schema")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"responseMimeType": "application/json"}
    if kind == "json_schema" and isinstance(schema, dict):
        return {"responseMimeType": "application/json", "responseJsonSchema": schema}
    raise _refused("options.response_format", "must be text, json_object, or json_schema with its schema")


def _thinking(model: str, effort: str) -> JsonObject:
    """Spell how much to think, by a budget up to Gemini 2.5 and by a level since, and that thoughts are to be shown."""
    if effort == "none":
        # To ask for thoughts where there are to be none is an error.
        return {"thinkingBudget": 0}
    by_budget = _before_gemini_3(model)
    if effort not in (_BUDGETS if by_budget else _LEVELS):
        raise _refused(
            "options.reasoning_effort", "must be none, minimal, low, medium or high (from Gemini 3 on, xhigh)"
        )
    how: JsonObject = {"thinkingBudget": _BUDGETS[effort]} if by_budget else {"thinkingLevel": effort.upper()}
    return {**how, "includeThoughts": True}


def _before_gemini_3(model: str) -> bool:
    return model.removeprefix("models/").startswith(("gemini-1", "gemini-2"))


def _tools(options: JsonObject) -> JsonObject:
    if options.get("parallel_tool_calls") is False:
        # To allow them is Gemini's own way.
        raise _refused("options.parallel_tool_calls", "can't be forbidden to Gemini: leave it out")
    tools = _items(options.get("tools"), "options.tools")
    choice, body = options.get("tool_choice"), JsonObject()
    if tools:
        functions = [_function(tool, f"options.tools[{at}]") for at, tool in enumerate(tools)]
        body["tools"] = [{"functionDeclarations": [*functions]}]
    strict = any(object_of(tool.get("function")).get("strict") is True for tool in tools)
    if choice is not None or strict:
        body["toolConfig"] = {"functionCallingConfig": _choice(choice, strict=strict)}
    return body


def _function(tool: JsonObject, where: str) -> JsonObject:
    function = object_of(tool.get("function"))
    if tool.get("type") != "function" or not isinstance(function.get("name"), str):
        raise _refused(where, "is not a function with a name, the only kind of tool that is passed on to Gemini")
    _only(tool, {"type", "function"}, where)
    # `strict` is said of all functions together there; see `_choice`.
    _only(function, {"name", "description", "parameters", "strict"}, f"{where}.function")
    words = {"name": "name", "description": "description", "parameters": "parametersJsonSchema"}
    return {theirs: function[ours] for ours, theirs in words.items() if function.get(ours) is not None}


def _choice(choice: JsonValue, *, strict: bool) -> JsonObject:
    if choice is None or choice == "auto":
        # VALIDATED: as free to call or to answer, but calls keep to their schemas, as they always do with ANY.
        return {"mode": "VALIDATED" if strict else "AUTO"}
    if choice == "none":
        return {"mode": "NONE"}
    if choice == "required":
        return {"mode": "ANY"}
    wanted = object_of(choice)
    name = object_of(wanted.get("function")).get("name")
    if wanted.get("type") != "function" or not isinstance(name, str):
        raise _refused("options.tool_choice", "must be auto, none, required, or a function by its name")
    return {"mode": "ANY", "allowedFunctionNames": [name]}


def _items(value: JsonValue, where: str) -> list[JsonObject]:
    """Give the objects of a list that may be missing."""
    items = [item for item in list_of(value) if isinstance(item, dict)]
    if value is not None and not (isinstance(value, list) and len(items) == len(value)):
        raise _refused(where, "must be a list of objects")
    return items


def _only(value: JsonObject, known: set[str], where: str) -> None:
    """Refuse what is said beside the known; what is empty says nothing."""
    for name, said in value.items():
        if said and name not in known:
            raise _refused(f"{where}.{name}", "the provider has no word for it: leave it out")


def _refused(where: str, why: str) -> UnsupportedOption:
    return UnsupportedOption(f"{where}: {why}.")
