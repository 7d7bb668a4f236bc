"""Read a request of the Messages API (docs.anthropic.com, "Messages").

A provider with the same API gets the body as it came: unknown fields, roles and betas included. For any other provider
it is translated. What has no effect on the answer there is left out: cache markers, betas, `context_management`,
`service_tier`, `speed`, `diagnostics`, `metadata` but its `user_id`, and fields that are not known. What would change
the answer is named, and no provider with another API gets the request (`VerbatimRequest.only`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.dialects.anthropic.messages import Translation
from gateway.dialects.anthropic.options import translate_options
from gateway.dialects.base import Call, DialectStart
from gateway.protocol.commands import JsonObject, Message, StartRequest, parse
from gateway.protocol.errors import invalid
from gateway.upstreams.base import VerbatimRequest

API: Final = "anthropic"

HEADERS: Final = ("anthropic-version", "anthropic-beta")
"""Headers of a request that belong to the API (docs.anthropic.com, "Versions", "Beta headers")."""


def parse_call(call: Call) -> DialectStart:
    """Return the start that a request asks for.

    Raises:
        Refused: it is not valid.
    """
    body, translation = call.body, Translation()
    model = model_name(body)
    translation.add_conversation(body)
    options = translate_options(body, translation.untranslated)
    start = parse(StartRequest, {"model": model, "messages": [*translation.messages], **options})
    verbatim = VerbatimRequest(API, body, own_headers(call.headers), _only(translation.untranslated))
    return DialectStart(start, body.get("stream") is True, call, verbatim)


def model_name(body: JsonObject) -> str:
    """Return the model that a request names.

    Raises:
        Refused: it names none.
    """
    model = body.get("model")
    if not isinstance(model, str):
        message = "model: must be the name of a model."
        raise invalid(message, param="model")
    return model


def read_messages(body: JsonObject) -> Sequence[Message]:
    """Return the messages of a request alone.

    Raises:
        Refused: they are not valid.
    """
    translation = Translation()
    translation.add_conversation(body)
    return parse(StartRequest, {"messages": [*translation.messages]}).messages


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that belong to the API."""
    return {name: value for name in HEADERS if (value := headers.get(name))}


def _only(untranslated: Sequence[str]) -> str:
    """Return how a provider with another API is refused; "" if it gets all that matters."""
    return f"{untranslated[0]}: the provider of this model does not support it: leave it out." if untranslated else ""
