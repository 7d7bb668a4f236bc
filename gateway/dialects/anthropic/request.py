"""Read a request of the Messages API (docs.anthropic.com, "Messages"). Pure.

A provider with the same API gets the body as it came: unknown fields, roles and betas included. For any other provider
it is translated. What has no effect on the answer there is left out: cache markers, betas, `context_management`,
`service_tier`, `speed`, `diagnostics`, `metadata` but its `user_id`, and fields that are not known. A request that
can't be read, or with what would change the answer, goes to no provider with another API (`VerbatimRequest.only`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from gateway.dialects.anthropic.conversation import Conversation
from gateway.dialects.anthropic.options import read_options
from gateway.dialects.base import Call, DialectStart
from gateway.dialects.fields import malformed, only_own_api
from gateway.protocol.commands import JsonObject, Message, StartRequest, parse
from gateway.protocol.errors import Refused
from gateway.upstreams.base import VerbatimRequest

API: Final = "anthropic"

MAX_TOKENS: Final = 2**31
"""Values of `max_tokens` are below it."""

HEADERS: Final = ("anthropic-version", "anthropic-beta")
"""Headers of a request that belong to the API (docs.anthropic.com, "Versions", "Beta headers")."""


def parse_call(call: Call) -> DialectStart:
    """Return the start that a request asks for.

    Raises:
        Refused: it is not valid.
    """
    body, model = call.body, model_name(call.body)
    if not body.get("messages") or not isinstance(body["messages"], list):
        raise malformed("messages", "must be a list with a message")
    if not isinstance(body.get("stream"), bool | None):
        raise malformed("stream", "must be true or false")
    try:
        request, only = _translate(model, body)
    except Refused as refused:
        # A form of later versions, perhaps: a provider with this API may take it, and else says itself what is wrong.
        request, only = _untranslated(model, body), refused.message
    verbatim = VerbatimRequest(API, body, own_headers(call.headers), only)
    return DialectStart(request, body.get("stream") is True, call, verbatim)


def _translate(model: str, body: JsonObject) -> tuple[StartRequest, str]:
    """Return a request for providers with another API, and why they can't serve it, or ""."""
    translation = Conversation()
    translation.add_conversation(body)
    options = read_options(body, translation.untranslated)
    request = parse(StartRequest, {"model": model, "messages": [*translation.messages], **options})
    return request, only_own_api(translation.untranslated)


def _untranslated(model: str, body: JsonObject) -> StartRequest:
    """Return a request that only a provider with this API can serve. Its text is what the prompt is measured by."""
    limit = body.get("max_tokens")
    options: JsonObject = {"max_tokens": limit} if type(limit) is int and 1 <= limit < MAX_TOKENS else {}
    text = orjson.dumps([body.get("system"), body["messages"]]).decode()
    return parse(StartRequest, {"model": model, "messages": [{"role": "user", "content": text}], **options})


def model_name(body: JsonObject) -> str:
    """Return the model that a request names.

    Raises:
        Refused: it names none.
    """
    model = body.get("model")
    if not isinstance(model, str):
        raise malformed("model", "must be the name of a model")
    return model


def read_messages(body: JsonObject) -> Sequence[Message]:
    """Return the messages of a request alone.

    Raises:
        Refused: they are not valid.
    """
    translation = Conversation()
    translation.add_conversation(body)
    return parse(StartRequest, {"messages": [*translation.messages]}).messages


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that belong to the API."""
    return {name: value for name in HEADERS if (value := headers.get(name))}
