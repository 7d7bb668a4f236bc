"""The available models: `GET /v1/models` in OpenAI's form, and `GET /api/models` for the demo page."""

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


class _ModelName(PathConvertor):
    """Any path, with line breaks: such a name must get the same 404 in OpenAI's form, not that of an unknown route."""

    regex = "(?s:.*)"


register_url_convertor("model", _ModelName())


def model_routes(hub: Hub) -> list[BaseRoute]:
    """Build the routes, which list what the hub serves at the time (platform.openai.com/docs/api-reference/models)."""
    created = int(time.time())

    def describe(name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": created, "owned_by": OWNER}

    def models_of(request: Request) -> ModelRegistry:
        return hub.models_for(principal(request))

    async def list_models(request: Request) -> Response:
        return json_response(request, {"object": "list", "data": [describe(name) for name in models_of(request).names]})

    async def get_model(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            # Not a search of the list: with a wildcard route, models that are not listed are served too.
            models_of(request).resolve(name)
        except Refused as refused:
            error = {
                "message": refused.message,
                "type": "invalid_request_error",
                "param": "model",
                "code": refused.code,
            }
            return json_response(request, {"error": error}, refused.status)
        return json_response(request, describe(name))

    async def list_names(request: Request) -> Response:
        models = models_of(request)
        listed = {"models": models.names, "default": models.default, "any_model": models.accepts_any_name}
        return json_response(request, listed)

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/{name:model}", get_model),
        Route("/api/models", list_names),
    ]
