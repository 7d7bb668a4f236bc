"""Counts of tokens in the form of the Gemini API: `POST /v1beta/models/{model}:countTokens`, also under /v1.

Source: ai.google.dev/api/tokens.
"""

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.model_api.documents import document_response, estimate_prompt
from gateway.api.requests import read_json_object
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.dialects.gemini.request import API, read_messages
from gateway.pass_through.calls import call, targets_of
from gateway.protocol.commands import JsonObject
from gateway.routing.model import Model
from gateway.upstreams.documents import DocumentRequest
from gateway.upstreams.formats.gemini import model_endpoint

_WRAPPED = "generateContentRequest"


class TokenCountRoutes:
    """Counts for a model: those of a provider with the same API, or else our estimate."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        paths = [f"/{version}/models/{{model:model}}:countTokens" for version in ("v1beta", "v1")]
        return [Route(path, self.count, methods=["POST"]) for path in paths]

    async def count(self, request: Request) -> Response:
        """Count the tokens of a request."""
        body = await read_json_object(request, self._services)
        hub = self._services.hub
        model = hub.models_for(principal(request)).resolve(request.path_params["model"])
        targets = targets_of(model, API, hub.clock.now())
        if not targets:
            return json_response(request, {"totalTokens": _estimate(body, model)})

        def build(upstream_model: str) -> DocumentRequest:
            return DocumentRequest(model_endpoint(upstream_model, ":countTokens"), _named(body, upstream_model))

        return await document_response(request, call(self._services.generations, model, targets, build))


def _named(body: JsonObject, upstream_model: str) -> JsonObject:
    """Return a body with the name that the provider has for the model."""
    named = {name: value for name, value in body.items() if name != "model"}
    for name in (_WRAPPED, "generate_content_request"):
        if isinstance(wrapped := body.get(name), dict):
            path = upstream_model if "/" in upstream_model else f"models/{upstream_model}"
            named[name] = {**wrapped, "model": path}
    return named


def _estimate(body: JsonObject, model: Model) -> int:
    wrapped: JsonValue = body.get(_WRAPPED) or body.get("generate_content_request")
    counted = wrapped if isinstance(wrapped, dict) else body
    return estimate_prompt(read_messages(counted), counted.get("tools"), model)
