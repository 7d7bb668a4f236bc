"""The available models: `GET /v1/models` in the form of the client's API, and `GET /api/models` for the demo page."""

import time
from collections.abc import Sequence
from typing import Final

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import dialect_of, principal
from gateway.api.model_api.model_lists import FORMS, ModelForm, OpenAIModels
from gateway.api.responses import json_response
from gateway.dialects.base import is_model_api
from gateway.pass_through.listed_models import ListedModels
from gateway.pipeline.hub import Hub
from gateway.routing.registry import ModelRegistry

_OPENAI: Final = OpenAIModels()


class _ModelName(PathConvertor):
    """Any path, with line breaks: such a name must get the same 404 as an unknown model, not as an unknown route."""

    regex = "(?s:.*)"


register_url_convertor("model", _ModelName())


def model_routes(hub: Hub) -> list[BaseRoute]:
    """Build the routes. They list what the hub serves at the time, or where that is any name, what the provider lists.

    The form is that of the request's dialect, which its path and its headers tell.
    """
    created, listed_models = int(time.time()), ListedModels(hub.clock)

    def models_of(request: Request) -> ModelRegistry:
        return hub.models_for(principal(request))

    async def names_of(models: ModelRegistry) -> Sequence[str]:
        # A gateway that forwards any name has no list of its own: the provider has one.
        if not models.accepts_any_name:
            return models.names
        return await listed_models.names(models.unlisted_targets[0].upstream)

    async def list_models(request: Request) -> Response:
        names = await names_of(models_of(request))
        return json_response(request, _form(request).list(names, created, request.query_params))

    async def get_model(request: Request) -> Response:
        form = _form(request)
        name = form.name_of(request.path_params["name"])
        # Not a search of the list: with a wildcard route, models that are not listed are served too.
        models_of(request).resolve(name)
        return json_response(request, form.describe(name, created))

    async def list_names(request: Request) -> Response:
        models = models_of(request)
        listed = {"models": models.names, "default": models.default, "any_model": models.accepts_any_name}
        return json_response(request, listed)

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/{name:model}", get_model),
        Route("/v1beta/models", list_models),
        Route("/v1beta/models/{name:model}", get_model),
        Route("/api/models", list_names),
    ]


def _form(request: Request) -> ModelForm:
    dialect = dialect_of(request)
    return FORMS.get(dialect.api, _OPENAI) if dialect is not None and is_model_api(dialect) else _OPENAI
