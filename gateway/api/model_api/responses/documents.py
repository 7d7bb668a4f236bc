"""Requests about a conversation that answer with a document: its tokens counted, and its compaction.

Source: platform.openai.com/docs/api-reference/responses, "Get input token counts" and "Compact a response".
"""

from collections.abc import Sequence
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.model_api.documents import document_response, estimate_prompt
from gateway.api.model_api.responses.lookup import Asker
from gateway.api.model_api.responses.resource import PATH
from gateway.api.model_api.responses.start import ResponseStart, prepare
from gateway.api.requests import read_json_object
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.dialects.base import Call
from gateway.dialects.openai_responses.request import API
from gateway.pass_through.calls import Charges, call, targets_of
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused, invalid
from gateway.routing.model import Model
from gateway.upstreams.documents import DocumentRequest
from gateway.upstreams.endpoint import Endpoint

_COUNTED: Final = frozenset(
    {"input", "instructions", "parallel_tool_calls", "personality", "reasoning", "text", "tool_choice", "tools"}
    | {"truncation"}
)
"""Fields of a request that its tokens are counted of."""

_NOT_PASSED_ON: Final = frozenset({"previous_response_id", "store", "stream", "background"})
"""Fields of a compaction that only the gateway can read."""


class ResponseDocuments:
    """Both need the whole conversation, and pass it on to a provider with this API."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        return [
            Route(f"{PATH}/input_tokens", self.input_tokens, methods=["POST"]),
            Route(f"{PATH}/compact", self.compact, methods=["POST"]),
        ]

    async def input_tokens(self, request: Request) -> Response:
        """Count the input tokens of a request: as its provider does, or else by our estimate."""
        start, model = await self._prepare(request)
        counted = {name: value for name, value in _whole(start).items() if name in _COUNTED}
        document = await self._ask(request, model, "input_tokens", counted)
        if document is not None:
            return document
        size = estimate_prompt(start.request.messages, start.call.body.get("tools"), model)
        return json_response(request, {"object": "response.input_tokens", "input_tokens": size})

    async def compact(self, request: Request) -> Response:
        """Return a conversation as its provider has compacted it: only this provider can read it.

        Raises:
            Refused: no provider of the model can do that.
        """
        start, model = await self._prepare(request)
        body = {name: value for name, value in _whole(start).items() if name not in _NOT_PASSED_ON}
        document = await self._ask(
            request, model, "compact", body, Charges(principal(request), len(orjson.dumps(body)))
        )
        if document is None:
            message = (
                f"model: no provider of {model.name[:100]!r} has {PATH}/compact: send fewer items, or a summary that a "
                "model has written."
            )
            raise invalid(message, param="model")
        return document

    async def _prepare(self, request: Request) -> tuple[ResponseStart, Model]:
        body = await read_json_object(request, self._services)
        owner = principal(request)
        call_ = Call(body, request.path_params, request.query_params, request.headers)
        start = await prepare(self._services.stored_responses, call_, Asker(owner))
        return start, self._services.hub.models_for(owner).resolve(start.request.model)

    async def _ask(
        self, request: Request, model: Model, name: str, body: JsonObject, charges: Charges | None = None
    ) -> Response | None:
        """Return what a provider with this API answers; None if the model has none that does.

        Raises:
            Refused: the provider refuses the request, or fails.
        """
        targets = targets_of(model, API, self._services.clock.now())
        if not targets:
            return None

        def build(upstream_model: str) -> DocumentRequest:
            return DocumentRequest(Endpoint(("responses", name)), {**body, "model": upstream_model})

        try:
            work = call(self._services.generations, model, targets, build, charges)
            return await document_response(request, work)
        except Refused as refused:
            # Most servers with this API lack these endpoints: 404 or 405.
            if refused.code is Code.MODEL_NOT_FOUND:
                return None
            raise


def _whole(start: ResponseStart) -> JsonObject:
    """Return the body for a provider with this API, with the whole conversation as its input."""
    given = start.verbatim.body["input"] if start.verbatim is not None else None
    return {**start.call.body, "input": given}
