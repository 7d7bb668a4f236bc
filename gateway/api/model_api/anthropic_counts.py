"""Counts of tokens in the form of the Messages API: `POST /v1/messages/count_tokens`, also with `?beta=true`.

Source: docs.anthropic.com, "Count tokens in a Message".
"""

from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.disconnect import unless_disconnected
from gateway.api.model_api.pass_through import CLIENT_CLOSED_REQUEST
from gateway.api.requests import read_json
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.billing.usage import estimate_input, estimate_output
from gateway.dialects.anthropic.request import API, model_name, own_headers, read_messages
from gateway.pass_through.calls import call, targets_of
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import invalid
from gateway.routing.model import Model
from gateway.upstreams.documents import DocumentRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.anthropic_request import adapt_messages

PATH = "/v1/messages/count_tokens"


class MessageCountRoutes:
    """Counts for a model: those of a provider with the same API, or else our estimate."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        return [Route(PATH, self.count, methods=["POST"])]

    async def count(self, request: Request) -> Response:
        """Count the tokens of a request."""
        body = await read_json(request, self._services)
        if not isinstance(body, dict):
            message = "The body must be a JSON object."
            raise invalid(message)
        hub = self._services.hub
        model = hub.models_for(principal(request)).resolve(model_name(body))
        targets = targets_of(model, API, hub.clock.now())
        if not targets:
            return json_response(request, {"input_tokens": _estimate(body, model)})

        def build(upstream_model: str) -> DocumentRequest:
            named = {**adapt_messages(body, upstream_model), "model": upstream_model}
            return DocumentRequest(Endpoint(("messages", "count_tokens")), named, own_headers(request.headers))

        document = await unless_disconnected(request, call(hub, model, targets, build))
        if document is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return Response(document, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _estimate(body: JsonObject, model: Model) -> int:
    tools = body.get("tools")
    size = estimate_output(len(orjson.dumps(tools))) if tools else 0
    return size + estimate_input(read_messages(body), model.targets[0].upstream_model(model.name))
