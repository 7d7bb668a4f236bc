"""Respond with what a provider answers in one piece, and estimate tokens where no provider counts them."""

from collections.abc import Coroutine, Sequence
from typing import Final

import orjson
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.disconnect import unless_disconnected
from gateway.api.responses import document_headers
from gateway.billing.usage import estimate_input, estimate_output
from gateway.protocol.commands import Message
from gateway.routing.model import Model

CLIENT_CLOSED_REQUEST: Final = 499
"""Status of a response that its client does not read (nginx's)."""


async def document_response(request: Request, work: Coroutine[None, None, bytes]) -> Response:
    """Return the document that a call of a provider brings; a client that leaves ends the call.

    Raises:
        Refused: the provider refuses the request, or fails.
    """
    document = await unless_disconnected(request, work)
    if document is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(document, 200, document_headers(request), media_type="application/json")


def estimate_prompt(messages: Sequence[Message], tools: JsonValue, model: Model) -> int:
    """Return about how many tokens a prompt has for the first target of a model."""
    size = estimate_output(len(orjson.dumps(tools))) if tools else 0
    return size + estimate_input(messages, model.targets[0].upstream_model(model.name))
