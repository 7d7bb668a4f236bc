"""Read a request of the Responses API. Pure (platform.openai.com/docs/api-reference/responses/create)."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from gateway.dialects.base import Call, DialectStart
from gateway.dialects.openai_responses.conversation import input_items, messages_of
from gateway.dialects.openai_responses.tools import tool_options
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.errors import Refused, invalid
from gateway.upstreams.base import VerbatimRequest
from gateway.upstreams.formats.json_values import object_of
from gateway.upstreams.formats.sealed_reasoning import is_sealed

API: Final = "openai-responses"
ENCRYPTED: Final = "reasoning.encrypted_content"
"""Value of `include` without which the reasoning of a response that is not stored can't be given back."""

_OURS: Final = frozenset({"background", "conversation", "generate", "previous_response_id", "type"})
"""Fields that the gateway honours itself: a provider gets the whole input, streamed, and stores nothing."""

_OPTIONS: Final[Mapping[str, str]] = {
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "model": "model",
    "metadata": "metadata",
}
"""Fields with a counterpart of the same form, and its name."""

_CHANGES_THE_ANSWER: Final = ("prompt", "context_management")
"""Fields without a counterpart that only a provider with this API can honour."""

_FLAGS: Final = ("stream", "store", "background")
"""Fields that the gateway itself decides by."""


def parse_call(call: Call, items: Sequence[JsonObject] | None = None) -> DialectStart:
    """Return the start that a request asks for.

    `items` is its input with all that came before it, where the gateway stores responses. Without them, the input is
    that of the request alone.

    Raises:
        Refused: it is not valid.
    """
    body = call.body
    _check_flags(body)
    if items is None:
        items = input_items(body.get("input"))
    conversation, tools = messages_of(items, body.get("instructions")), tool_options(body, items)
    taken: JsonObject = {ours: body[name] for name, ours in _OPTIONS.items() if body.get(name) is not None}
    taken |= {**tools.options, **_text(body), **_reasoning(body), **_user(body), **_logprobs(body)}
    taken["messages"] = [*conversation.messages]
    refused = [*tools.refused, *conversation.refused, *_others(body)]
    verbatim = VerbatimRequest(API, _verbatim(body, items), {}, only=_only(refused))
    return DialectStart(_start(taken), body.get("stream") is True, call, verbatim)


def _check_flags(body: JsonObject) -> None:
    for name in _FLAGS:
        if not isinstance(body.get(name), bool | None):
            message = f"{name}: must be true or false"
            raise invalid(message, param=name)


def _start(taken: JsonObject) -> StartRequest:
    try:
        return parse(StartRequest, taken)
    except Refused as refused:
        # The names of the request's own fields.
        param = (refused.param or "").replace("messages", "input", 1).replace("max_tokens", "max_output_tokens", 1)
        raise invalid(refused.message.replace(refused.param or "", param, 1), param=param or None) from None


def _only(refused: Sequence[str]) -> str:
    """Return the message for a provider of another API; "" if it can do all that the request asks for."""
    return f"The provider does not support {refused[0]}: leave it out." if refused else ""


def _text(body: JsonObject) -> JsonObject:
    text = body.get("text")
    if not isinstance(text, dict | None):
        message = "text: must be an object"
        raise invalid(message, param="text")
    match text:
        case {"format": {"type": "json_schema"}}:
            schema = {name: value for name, value in object_of((text or {}).get("format")).items() if name != "type"}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        case {"format": {"type": str(kind)}} if kind != "text":
            return {"response_format": {"type": kind}}
    return {}


def _reasoning(body: JsonObject) -> JsonObject:
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict | None):
        message = "reasoning: must be an object"
        raise invalid(message, param="reasoning")
    effort = None if reasoning is None else reasoning.get("effort")
    return {} if effort is None else {"reasoning_effort": effort}


def _user(body: JsonObject) -> JsonObject:
    user = body.get("safety_identifier") or body.get("user")
    return {} if user is None else {"user": user}


def _others(body: JsonObject) -> list[str]:
    return [name for name in _CHANGES_THE_ANSWER if body.get(name)]


def _logprobs(body: JsonObject) -> JsonObject:
    top = body.get("top_logprobs")
    if not top and "message.output_text.logprobs" not in _include(body):
        return {}
    return {"logprobs": True, **({"top_logprobs": top} if top else {})}


def _include(body: JsonObject) -> list[JsonValue]:
    include = body.get("include") or []
    if not isinstance(include, list):
        message = "include: must be a list of strings"
        raise invalid(message, param="include")
    return include


def _verbatim(body: JsonObject, items: Sequence[JsonObject]) -> JsonObject:
    """Return the request for a provider with this API. The provider stores nothing (`store`): we do."""
    sent = {name: value for name, value in body.items() if name not in _OURS}
    include, reasoning = _include(body), body.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("effort") != "none" and ENCRYPTED not in include:
        sent["include"] = [*include, ENCRYPTED]
    readable = [item for item in items if _is_readable(item)]
    is_whole = isinstance(body.get("input"), str) and len(items) == 1
    return {**sent, "input": body["input"] if is_whole else [*readable], "store": False}


def _is_readable(item: JsonObject) -> bool:
    """Return False for reasoning that the provider can't read: signed by another one, or to be found in its store."""
    if item.get("type") != "reasoning":
        return True
    encrypted = item.get("encrypted_content")
    return not is_sealed(encrypted) and bool(encrypted or item.get("content"))
