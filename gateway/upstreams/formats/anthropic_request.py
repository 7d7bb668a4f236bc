"""Spell a call for Anthropic's Messages API: OpenAI's words into Anthropic's (docs.anthropic.com, "Messages"). Pure.

What has no word there is refused and not left out: an answer to another question than was asked helps nobody. Left
out is what says nothing: a penalty of 0, a temperature of 1, text that is blank, the `detail` of an image and the
`name` of a speaker, which Anthropic's own OpenAI layer ignores too ("OpenAI SDK compatibility").
"""

import re
from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest

MAX_TOKENS = 4096
"""Of an answer whose call sets no bound: the API wants one. Even the smallest of its models gives so much."""

LEAST_BUDGET = 1024
"""Of thinking ("Extended thinking", "budget_tokens")."""

EFFORTS: Mapping[JsonValue, tuple[str, int]] = {
    "minimal": ("low", LEAST_BUDGET),
    "low": ("low", LEAST_BUDGET),
    "medium": ("medium", 8192),
    "high": ("high", 24_576),
    "xhigh": ("xhigh", 24_576),
    "max": ("max", 24_576),
}
"""What a `reasoning_effort` means: Anthropic's own `effort`, and about how many tokens.

The numbers are those of the other API that gives some (ai.google.dev, "OpenAI compatibility", "Thinking"); more, and
an answer beside them, is over what Claude Opus 4 can give.
"""

_NEUTRAL: JsonObject = {"temperature": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""What an option is by itself: then it need not be said. Newer models refuse any temperature."""

_OF_A_TOOL = ("name", "description", "strict")
_PASSED_ON = ("temperature", "top_p")
_KNOWN = frozenset(
    {*_PASSED_ON, "max_tokens", "stop", "user", "tools", "tool_choice", "parallel_tool_calls"}
    | {"response_format", "reasoning_effort"}
)
_BUDGETED = re.compile(r"claude-(?:[123]\b|[a-z]+-4(?:[-.][0-5]\b|[-@]\d{8}|$))")
"""Claude 4.5 and before: they know thinking by its budget alone, 4.7 and after by its effort alone ("Troubleshooting
thinking", "Thinking support, defaults, and rejected configurations by model")."""


def build_request(call: UpstreamRequest) -> JsonObject:
    """Spell a call.

    Raises:
        NotSpelled: naming what the API has no word for.
    """
    options = {name: value for name, value in call.options.items() if value != _NEUTRAL.get(name, ...)}
    for name in options:
        if name not in _KNOWN:
            raise _refused(f"The provider has no word for {name}: leave it out")
    body: JsonObject = {"model": call.model, **_conversation(call.messages), "stream": True}
    body |= _sampling(options) | _tools(options) | _thinking(call.model, options)
    if output := _effort(call.model, options) | _format(options):
        body["output_config"] = output
    return body


def takes_prefill(call: UpstreamRequest) -> bool:
    """Tell whether the model goes on from a last turn of the assistant's.

    Claude 4.5 and before do, when they neither think nor are held to a schema; to later ones it is HTTP 400
    (docs.anthropic.com, "Prefill Claude's response", "Structured outputs").
    """
    bound = {"reasoning_effort", "response_format"} & call.options.keys()
    return _BUDGETED.search(call.model) is not None and not bound


def _refused(message: str) -> UnsupportedOption:
    """Make the failure of a call that can't be spelled."""
    return UnsupportedOption(f"{message}.")


def _conversation(messages: Sequence[Message]) -> JsonObject:
    """Spell messages as turns, and what stands above them all as `system`, from wherever it was said."""
    system: list[JsonValue] = []
    turns: list[tuple[str, list[JsonObject]]] = []
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        blocks = _message(message, where)
        if message.role in {"system", "developer"}:
            system.extend(blocks)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1][0] == role:
            # All results of tools that were called at once must come in one turn.
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    if turns and turns[-1][0] == "assistant":
        _trim(turns[-1][1])
    spelled: list[JsonValue] = [{"role": role, "content": [*blocks]} for role, blocks in turns]
    return {"system": system, "messages": spelled} if system else {"messages": spelled}


def _trim(prefill: list[JsonObject]) -> None:
    """Take the white space off the end of what the answer is to go on from: the API refuses it."""
    match prefill[-1]:
        case {"type": "text", "text": str() as text}:
            prefill[-1] = {**prefill[-1], "text": text.rstrip()}


def _message(message: Message, where: str) -> list[JsonObject]:
    blocks, extra = _blocks(message.content, where), message.model_extra or {}
    if message.role in {"system", "developer"} and any(block.get("type") != "text" for block in blocks):
        raise _refused(f"{where}: a {message.role} message takes text alone here")
    if message.role == "tool":
        identity = extra.get("tool_call_id")
        if not isinstance(identity, str):
            raise _refused(f"{where}.tool_call_id is missing")
        said: JsonObject = {"content": [*blocks]} if blocks else {}
        return [{"type": "tool_result", "tool_use_id": identity, **said}]
    calls = extra.get("tool_calls") if message.role == "assistant" else None
    if isinstance(calls, list):
        blocks.extend(_tool_use(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls))
    return blocks


def _tool_use(call: JsonValue, where: str) -> JsonObject:
    match call:
        case {"id": str() as identity, "function": {"name": str() as name, "arguments": str() as arguments}}:
            try:
                given = orjson.loads(arguments.strip() or "{}")
                # It goes out where that stands in the body: nested deeper than orjson writes, it could not.
                orjson.dumps([[[[[[given]]]]]])
            except (orjson.JSONDecodeError, orjson.JSONEncodeError):
                given = None
            if isinstance(given, dict):
                return {"type": "tool_use", "id": identity, "name": name, "input": given}
            raise _refused(f"{where}.function.arguments is not a JSON object")
    raise _refused(f"{where}: a tool call has an id, a function.name and function.arguments")


def _blocks(content: str | list[JsonObject] | None, where: str) -> list[JsonObject]:
    parts: list[JsonObject] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    blocks = [_block(part, f"{where}.content[{at}]") for at, part in enumerate(parts)]
    # The API refuses blank text.
    return [block for block in blocks if block.get("type") != "text" or str(block.get("text")).strip()]


def _block(part: JsonObject, where: str) -> JsonObject:
    match part:
        case {"type": "image_url", "image_url": {"url": str() as url}}:
            return {"type": "image", "source": _source(url, "image/", where)}
        case {"type": "file", "file": {"file_data": str() as url, **named}}:
            title = {"title": name} if isinstance(name := named.get("filename"), str) else {}
            return {"type": "document", "source": _source(url, "application/pdf", where), **title}
        case {"type": "refusal", "refusal": str() as text}:
            return {"type": "text", "text": text}
        case {"type": "image_url" | "file" | "input_audio" | "refusal" as kind}:
            known = "text, images by their url and PDF files as file_data"
            raise _refused(f"{where}: the provider takes {known}, not this {kind}")
    # Text, and blocks in Anthropic's own spelling, with what they carry beside (`cache_control`).
    return part


def _source(url: str, kind: str, where: str) -> JsonObject:
    """Spell where an image or a file is: here in the URL itself, or where it says."""
    head, _, data = url.partition(",")
    media, *parameters = head.removeprefix("data:").split(";")
    if head.startswith("data:") and "base64" in parameters and media.startswith(kind):
        return {"type": "base64", "media_type": media, "data": data}
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    raise _refused(f"{where}: give an https: URL, or data:{kind}{'…' if kind[-1] == '/' else ''};base64,…")


def _sampling(options: JsonObject) -> JsonObject:
    temperature, stop, user = options.get("temperature"), options.get("stop"), options.get("user")
    if isinstance(temperature, int | float) and temperature > 1:
        # Anthropic's OpenAI layer takes it for 1; but then two that ask differently are answered alike.
        raise _refused("The provider's temperature goes from 0 to 1")
    spelled: JsonObject = {name: options[name] for name in _PASSED_ON if name in options}
    if stop:
        spelled["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if user:
        spelled["metadata"] = {"user_id": user}
    return spelled


def _tools(options: JsonObject) -> JsonObject:
    tools = options.get("tools")
    spelled: JsonObject = {}
    if isinstance(tools, list) and tools:
        spelled["tools"] = [_tool(tool, f"tools[{at}]") for at, tool in enumerate(tools)]
    choice = _choice(options.get("tool_choice"))
    if tools and options.get("parallel_tool_calls") is False and choice != {"type": "none"}:
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        spelled["tool_choice"] = choice
    return spelled


def _tool(tool: JsonValue, where: str) -> JsonValue:
    match tool:
        case {"type": "function", "function": dict() as function} if isinstance(function.get("name"), str):
            schema = function.get("parameters") or {"type": "object", "properties": {}}
            kept = {field: value for field in _OF_A_TOOL if (value := function.get(field)) is not None}
            return {**kept, "input_schema": schema}
        case {"type": str() as kind} if kind != "function":
            # One of Anthropic's own, in its spelling.
            return tool
    raise _refused(f"{where}: a function tool has a function.name")


def _choice(choice: JsonValue) -> JsonObject:
    match choice:
        case None:
            return {}
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": str() as name}}:
            return {"type": "tool", "name": name}
    raise _refused("tool_choice is auto, none, required or one function with its name")


def _thinking(model: str, options: JsonObject) -> JsonObject:
    """Spell how long to think, and how long the answer may be: that bound holds for both together."""
    effort, bound = options.get("reasoning_effort"), options.get("max_tokens")
    if effort is None or effort == "none":
        spelled: JsonObject = {} if effort is None else {"thinking": {"type": "disabled"}}
        return {**spelled, "max_tokens": MAX_TOKENS if bound is None else bound}
    if effort not in EFFORTS:
        raise _refused(f"reasoning_effort is none or one of {', '.join(map(str, EFFORTS))}")
    _thinkable(options)
    budget = EFFORTS[effort][1]
    most = bound if isinstance(bound, int) else MAX_TOKENS + budget
    if _by_effort(model):
        # Without `display`, newer models think without a word of it.
        return {"max_tokens": most, "thinking": {"type": "adaptive", "display": "summarized"}}
    if most <= LEAST_BUDGET:
        raise _refused(f"With reasoning_effort, max_tokens must be over {LEAST_BUDGET}: thinking counts too")
    if bound is not None:
        # Leave the answer half of it, where the other half is enough to think.
        budget = max(LEAST_BUDGET, min(budget, most // 2))
    return {"max_tokens": most, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _thinkable(options: JsonObject) -> None:
    """Check what does not go with thinking ("Extended thinking", "Feature compatibility")."""
    if "temperature" in options:
        raise _refused("With reasoning_effort, the provider's temperature is 1: leave it out")
    if _choice(options.get("tool_choice")).get("type") in {"any", "tool"}:
        raise _refused("With reasoning_effort, the provider's tool_choice is auto or none")


def _effort(model: str, options: JsonObject) -> JsonObject:
    effort = options.get("reasoning_effort")
    return {"effort": EFFORTS[effort][0]} if effort in EFFORTS and _by_effort(model) else {}


def _by_effort(model: str) -> bool:
    # Other servers with this API know what has been in it for long: the budget.
    return "claude" in model and not _BUDGETED.search(model)


def _format(options: JsonObject) -> JsonObject:
    match options.get("response_format"):
        case None | {"type": "text"}:
            return {}
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return {"format": {"type": "json_schema", "schema": schema}}
    raise _refused("response_format is text, or json_schema with its json_schema.schema, for this provider")
