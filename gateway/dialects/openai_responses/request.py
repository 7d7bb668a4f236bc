"""Read a request of the Responses API. Pure (platform.openai.com/docs/api-reference/responses/create)."""

from collections.abc import Sequence
from typing import Final

from gateway.dialects.base import Call, DialectStart
from gateway.dialects.fields import malformed, only_own_api
from gateway.dialects.openai_responses.conversation import input_items, messages_of
from gateway.dialects.openai_responses.options import included, read_options
from gateway.dialects.openai_responses.tools import read_tools
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.errors import Refused, invalid
from gateway.upstreams.base import VerbatimRequest
from gateway.upstreams.formats.sealed_reasoning import is_sealed

API: Final = "openai-responses"
ENCRYPTED: Final = "reasoning.encrypted_content"
"""Value of `include` without which the reasoning of a response that is not stored can't be given back."""

_OURS: Final = frozenset({"background", "conversation", "generate", "previous_response_id", "type"})
"""Fields that the gateway honours itself: a provider gets the whole input, streamed, and stores nothing."""

_FLAGS: Final = ("background", "generate", "store", "stream")
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
    conversation, tools = messages_of(items, body.get("instructions")), read_tools(body, items)
    untranslated = [*tools.untranslated, *conversation.untranslated]
    taken: JsonObject = {**read_options(body, untranslated), **tools.options, "messages": [*conversation.messages]}
    for name in ("model", "metadata"):
        if body.get(name) is not None:
            taken[name] = body[name]
    verbatim = VerbatimRequest(API, _verbatim(body, items), {}, only_own_api(untranslated))
    return DialectStart(_start(taken), body.get("stream") is True, call, verbatim)


def _check_flags(body: JsonObject) -> None:
    for name in _FLAGS:
        if not isinstance(body.get(name), bool | None):
            raise malformed(name, "must be true or false")


def _start(taken: JsonObject) -> StartRequest:
    try:
        return parse(StartRequest, taken)
    except Refused as refused:
        # The names of the request's own fields.
        param = (refused.param or "").replace("messages", "input", 1).replace("max_tokens", "max_output_tokens", 1)
        raise invalid(refused.message.replace(refused.param or "", param, 1), param=param or None) from None


def _verbatim(body: JsonObject, items: Sequence[JsonObject]) -> JsonObject:
    """Return the request for a provider with this API. The provider stores nothing (`store`): we do."""
    sent = {name: value for name, value in body.items() if name not in _OURS}
    include, reasoning = included(body), body.get("reasoning")
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
