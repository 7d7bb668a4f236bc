"""Which models may be asked for: `GET /v1/models` as OpenAI's clients ask it, `GET /api/models` for the demo page."""

import time

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.responses import json_response
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import Refused
from gateway.routing.registry import ModelRegistry

OWNER = "dualstream"


class _Name(PathConvertor):
    """Any name at all: a line end in it is no reason to be refused in another form."""

    regex = "(?s:.*)"


def model_routes(hub: Hub) -> list[BaseRoute]:
    """Make the routes; they list what the hub serves at that moment (platform.openai.com/docs/api-reference/models)."""
    created = int(time.time())
    register_url_convertor("model", _Name())

    def described(name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": created, "owned_by": OWNER}

    def models_of(request: Request) -> ModelRegistry:
        return hub.models_for(principal(request))

    async def listed(request: Request) -> Response:
        return json_response(
            request, {"object": "list", "data": [described(name) for name in models_of(request).names]}
        )

    async def one(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            # One that is not listed may be served all the same.
            models_of(request).resolve(name)
        except Refused as refused:
            error = {
                "message": refused.message,
                "type": "invalid_request_error",
                "param": "model",
                "code": refused.code,
            }
            return json_response(request, {"error": error}, refused.status)
        return json_response(request, described(name))

    async def models(request: Request) -> Response:
        served = models_of(request)
        return json_response(request, {"models": served.names, "default": served.default})

    return [
        Route("/v1/models", listed),
        Route("/v1/models/{name:model}", one),
        Route("/api/models", models),
    ]
