"""Build the body of Anthropic's Messages API from a request in OpenAI's chat format. Pure.

Source: docs.anthropic.com, "Messages". What the API can't express is refused and not dropped: an answer to a different
request is of no use. Only what has no effect is dropped: a penalty of 0, a temperature of 1, blank text, the `detail`
of an image and the `name` of a speaker, which Anthropic's own OpenAI layer ignores, too ("OpenAI SDK compatibility").
"""

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.anthropic_limits import UNKNOWN_MODEL, default_max_tokens
from gateway.upstreams.formats.anthropic_turns import Turns, build_turns, is_foreign_thinking

MIN_BUDGET = 1024
"""Smallest `budget_tokens` of thinking ("Extended thinking", "budget_tokens")."""

EFFORTS: Mapping[JsonValue, tuple[str, int]] = {
    "minimal": ("low", MIN_BUDGET),
    "low": ("low", MIN_BUDGET),
    "medium": ("medium", 8192),
    "high": ("high", 24_576),
    "xhigh": ("xhigh", 24_576),
    "max": ("max", 24_576),
}
"""Anthropic's `effort`, and a thinking budget in tokens, by `reasoning_effort`.

The budgets are Google's, the other API that publishes some (ai.google.dev, "OpenAI compatibility", "Thinking"). None
takes more than half of `max_tokens`.
"""

_DEFAULTS: JsonObject = {"temperature": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""Options that are dropped if they have this value, their default. Newer models refuse any temperature."""

_TOOL_FIELDS = ("name", "description", "strict")
_SAMPLING = ("temperature", "top_p", "top_k")
_SUPPORTED = frozenset(
    {*_SAMPLING, "max_tokens", "stop", "user", "tools", "tool_choice", "parallel_tool_calls"}
    | {"response_format", "reasoning_effort"}
)
_BUDGET_MODELS = re.compile(r"claude-(?:[123]\b|[a-z]+-4(?:[-.][0-5]\b|[-@]\d{8}|$))")
"""Claude up to 4.5, where thinking is set by a budget alone. From 4.7 on, it is set by the effort alone.

Source: "Troubleshooting thinking", "Thinking support, defaults, and rejected configurations by model".
"""


def build_request(request: UpstreamRequest) -> JsonObject:
    """Build the body of a request.

    Raises:
        UnsupportedOption: naming what the API can't express.
    """
    options = {name: value for name, value in request.options.items() if value != _DEFAULTS.get(name, ...)}
    for name in options:
        if name not in _SUPPORTED:
            raise _unsupported(f"The provider does not support {name}: leave it out", name)
    # Read once: a prompt is kept encoded.
    messages = [*request.messages]
    turns = build_turns(request.model, messages)
    body: JsonObject = {"model": request.model, **turns.body(), "stream": True}
    body |= _sampling(options) | _tools(options) | _thinking(request.model, options, messages, turns)
    if output := _effort(request.model, options) | _response_format(options):
        body["output_config"] = output
    return body


def adapt_request(body: JsonObject, request: UpstreamRequest) -> JsonObject:
    """Return a client's own body with what the gateway decides: the model, the stream, and a lower `max_tokens`."""
    limit, asked = request.options.get("max_tokens"), body.get("max_tokens")
    limits = [tokens for tokens in (limit, asked) if isinstance(tokens, int)]
    adapted = _with_added(adapt_messages(body, request.model), request)
    return {**adapted, **({"max_tokens": min(limits)} if limits else {}), "model": request.model, "stream": True}


def adapt_messages(body: JsonObject, model: str) -> JsonObject:
    """Return a client's own body without thinking that this model's provider did not write, and would refuse.

    A conversation may have begun at another provider, whose reasoning has no signature, or a sealed one.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    return {**body, "messages": [_without_foreign_thinking(message, model) for message in messages]}


def _with_added(body: JsonObject, request: UpstreamRequest) -> JsonObject:
    """Return a body with the messages that were added; consecutive ones of one role are one turn to the API."""
    messages = body.get("messages")
    if not request.added or not isinstance(messages, list):
        return body
    return {**body, "messages": [*messages, *request.added_turns()]}


def _without_foreign_thinking(message: JsonValue, model: str) -> JsonValue:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(message, dict) or message.get("role") != "assistant" or not isinstance(content, list):
        return message
    own = [block for block in content if not (isinstance(block, dict) and is_foreign_thinking(block, model))]
    # The API refuses a turn without content: then it says for itself what is wrong.
    return {**message, "content": own} if own and len(own) < len(content) else message


def supports_prefill(request: UpstreamRequest) -> bool:
    """Return True if the model continues a last message of the assistant ("prefill").

    Claude up to 4.5 does, unless it thinks or is bound to a schema. Later models respond with HTTP 400.
    Source: docs.anthropic.com, "Prefill Claude's response", "Structured outputs".
    """
    excluding = {"reasoning_effort", "response_format"} & request.options.keys()
    return _BUDGET_MODELS.search(request.model) is not None and not excluding


def _unsupported(message: str, param: str | None = None) -> UnsupportedOption:
    return UnsupportedOption(f"{message}.", param)


def _sampling(options: JsonObject) -> JsonObject:
    temperature, stop, user = options.get("temperature"), options.get("stop"), options.get("user")
    if isinstance(temperature, int | float) and temperature > 1:
        # Anthropic's OpenAI layer cuts it to 1. But then two different requests would get the same answers.
        raise _unsupported("The provider's temperature is from 0 to 1", "temperature")
    sampling: JsonObject = {name: options[name] for name in _SAMPLING if name in options}
    if stop:
        sampling["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if user:
        sampling["metadata"] = {"user_id": user}
    return sampling


def _tools(options: JsonObject) -> JsonObject:
    tools = options.get("tools")
    fields: JsonObject = {}
    if isinstance(tools, list) and tools:
        fields["tools"] = [_tool(tool, f"tools[{at}]") for at, tool in enumerate(tools)]
    choice = _tool_choice(options.get("tool_choice"))
    if tools and options.get("parallel_tool_calls") is False and choice != {"type": "none"}:
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        fields["tool_choice"] = choice
    return fields


def _tool(tool: JsonValue, path: str) -> JsonValue:
    match tool:
        case {"type": "function", "function": dict() as function} if isinstance(function.get("name"), str):
            schema = function.get("parameters") or {"type": "object", "properties": {}}
            fields = {name: value for name in _TOOL_FIELDS if (value := function.get(name)) is not None}
            return {**fields, "input_schema": schema}
        case {"type": "custom", "custom": dict()}:
            raise _unsupported(f"{path}: the provider has no custom tools: send a function", path)
        case {"type": str() as kind} if kind != "function":
            # One of Anthropic's server tools, in its own format.
            return tool
    raise _unsupported(f"{path}: a function tool needs a function.name", path)


def _tool_choice(choice: JsonValue) -> JsonObject:
    match choice:
        case None:
            return {}
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": str() as name}}:
            return {"type": "tool", "name": name}
    raise _unsupported("tool_choice must be auto, none, required or one function with its name", "tool_choice")


def _thinking(model: str, options: JsonObject, messages: Sequence[Message], turns: Turns) -> JsonObject:
    """Build `thinking` and `max_tokens`, which bounds thinking and answer together."""
    effort, limit = options.get("reasoning_effort"), options.get("max_tokens")
    max_tokens = limit if isinstance(limit, int) else default_max_tokens(model, messages)
    if effort is None or effort == "none":
        disabled: JsonObject = {} if effort is None else {"thinking": {"type": "disabled"}}
        return {**disabled, "max_tokens": max_tokens or UNKNOWN_MODEL}
    if effort not in EFFORTS:
        raise _unsupported(
            f"reasoning_effort must be none or one of {', '.join(map(str, EFFORTS))}", "reasoning_effort"
        )
    _check_thinking(options)
    budget = EFFORTS[effort][1]
    max_tokens = max_tokens or UNKNOWN_MODEL + budget
    if max_tokens <= MIN_BUDGET and not _has_effort(model):
        raise _unsupported(
            f"With reasoning_effort, max_tokens must be over {MIN_BUDGET}: thinking counts, too", "max_tokens"
        )
    if not turns.allow_thinking:
        return {"max_tokens": max_tokens}
    if _has_effort(model):
        # Without `display`, newer models stream nothing of their thinking.
        return {"max_tokens": max_tokens, "thinking": {"type": "adaptive", "display": "summarized"}}
    # Leave half of it for the answer, if the other half is enough to think.
    budget = max(MIN_BUDGET, min(budget, max_tokens // 2))
    return {"max_tokens": max_tokens, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _check_thinking(options: JsonObject) -> None:
    """Raise if an option excludes thinking ("Extended thinking", "Feature compatibility")."""
    if "temperature" in options:
        raise _unsupported("With reasoning_effort, the provider's temperature is 1: leave it out", "temperature")
    if _tool_choice(options.get("tool_choice")).get("type") in {"any", "tool"}:
        raise _unsupported("With reasoning_effort, the provider's tool_choice must be auto or none", "tool_choice")


def _effort(model: str, options: JsonObject) -> JsonObject:
    effort = options.get("reasoning_effort")
    return {"effort": EFFORTS[effort][0]} if effort in EFFORTS and _has_effort(model) else {}


def _has_effort(model: str) -> bool:
    # Other servers with this API support the older way, the budget.
    return "claude" in model and not _BUDGET_MODELS.search(model)


def _response_format(options: JsonObject) -> JsonObject:
    match options.get("response_format"):
        case None | {"type": "text"}:
            return {}
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return {"format": {"type": "json_schema", "schema": schema}}
    raise _unsupported(
        "response_format must be text, or json_schema with its json_schema.schema, for this provider", "response_format"
    )
