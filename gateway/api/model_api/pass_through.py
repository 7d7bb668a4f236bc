"""Endpoints of OpenAI's API that are passed on: `POST /v1/embeddings` and `POST /v1/moderations`.

Source: platform.openai.com/docs/api-reference, "Embeddings" and "Moderations".
"""

from collections.abc import Sequence
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.model_api.documents import document_response
from gateway.api.requests import read_json_object
from gateway.api.services import Services
from gateway.dialects.openai_chat.request import API
from gateway.pass_through.calls import Charges, call, targets_of
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import invalid
from gateway.upstreams.documents import DocumentRequest
from gateway.upstreams.endpoint import Endpoint

MAX_VALUES: Final = 500_000
"""Maximum values of a body: LangChain sends each token of its texts as a number, and OpenAI takes 300,000."""


class PassThroughRoutes:
    """The endpoints. What the provider answers is passed on as it came; what it refuses, in the form of the API."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        return [
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/moderations", self.moderations, methods=["POST"]),
        ]

    async def embeddings(self, request: Request) -> Response:
        """Return embeddings. Servers that report no usage are charged by an estimate."""
        body = await self._body(request)
        if not isinstance(body.get("model"), str):
            message = "model: is missing: send the name of an embedding model."
            raise invalid(message, param="model")
        return await self._pass_on(request, body, "embeddings", len(orjson.dumps(body.get("input"))))

    async def moderations(self, request: Request) -> Response:
        """Return moderations. Where no usage is reported, they are free. The provider chooses a model if none is named.

        A model that is named must be served here; without one, the first model with such a provider says which to ask.
        """
        return await self._pass_on(request, await self._body(request), "moderations", 0)

    async def _body(self, request: Request) -> JsonObject:
        return await read_json_object(request, self._services, max_values=MAX_VALUES)

    async def _pass_on(self, request: Request, body: JsonObject, name: str, estimated_bytes: int) -> Response:
        hub, owner, requested = self._services.hub, principal(request), body.get("model")
        if not isinstance(requested, str | None):
            message = "model: must be a string."
            raise invalid(message, param="model")
        models, now = hub.models_for(owner), hub.clock.now()
        model = models.resolve(requested)
        if requested is None:
            model = next((each for each in models.by_name.values() if targets_of(each, API, now)), model)
        targets = targets_of(model, API, now)
        if not targets:
            message = f"model: no provider of {model.name[:100]!r} has /v1/{name}: choose another model."
            raise invalid(message, param="model")

        def build(upstream_model: str) -> DocumentRequest:
            named = {} if requested is None else {"model": upstream_model}
            return DocumentRequest(Endpoint((name,)), {**body, **named})

        work = call(self._services.generations, model, targets, build, Charges(owner, estimated_bytes))
        # After the call, so that it counts what the call has cost.
        response = await document_response(request, work)
        allowance = hub.allowance(owner)
        if allowance is not None:
            response.headers.update(allowance.headers())
        return response
