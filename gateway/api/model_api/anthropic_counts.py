"""Counts of tokens in the form of the Messages API: `POST /v1/messages/count_tokens`, also with `?beta=true`.

Source: docs.anthropic.com, "Count tokens in a Message".
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.model_api.documents import document_response, estimate_prompt
from gateway.api.requests import read_json_object
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.dialects.anthropic.request import API, model_name, own_headers, read_messages
from gateway.pass_through.calls import call, targets_of
from gateway.protocol.commands import JsonObject
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
        body = await read_json_object(request, self._services)
        hub = self._services.hub
        model = hub.models_for(principal(request)).resolve(model_name(body))
        targets = targets_of(model, API, hub.clock.now())
        if not targets:
            return json_response(request, {"input_tokens": _estimate(body, model)})

        def build(upstream_model: str) -> DocumentRequest:
            named = {**adapt_messages(body, upstream_model), "model": upstream_model}
            return DocumentRequest(Endpoint(("messages", "count_tokens")), named, own_headers(request.headers))

        return await document_response(request, call(self._services.generations, model, targets, build))


def _estimate(body: JsonObject, model: Model) -> int:
    return estimate_prompt(read_messages(body), body.get("tools"), model)
