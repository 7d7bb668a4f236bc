"""Stored responses as HTTP resources: cancel and delete them, list their input.

Source: platform.openai.com/docs/api-reference/responses.
"""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.interrupts import counted_interrupt
from gateway.api.model_api.pages import page_size
from gateway.api.model_api.responses.end import wait_for_end
from gateway.api.model_api.responses.lookup import Asker
from gateway.api.model_api.responses.replay import document_of
from gateway.api.model_api.responses.store import StoredResponse, decode
from gateway.api.requests import read_json
from gateway.api.responses import id_headers, json_response
from gateway.api.services import Services
from gateway.dialects.openai_responses.ids import generation_id
from gateway.generation.generation import Generation
from gateway.protocol.commands import InterruptRequest, JsonObject
from gateway.protocol.errors import Code, Refused, invalid
from gateway.security.principals import Principal

PATH: Final = "/v1/responses"

CANCEL_SECONDS: Final = 5.0
"""How long a cancel waits for the provider's connection to be closed, before it returns what is known."""

_CANCEL: Final = InterruptRequest(reason="cancelled")

MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 20


class ResponsesResource:
    """The routes below `/v1/responses` that return JSON."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes. That of the cancel counts its own requests, as each that may stop a generation."""
        return [
            Route(PATH + "/{generation_id}/cancel", self.cancel, methods=["POST"]),
            Route(PATH + "/{response_id}/input_items", self.input_items, methods=["GET"]),
            Route(PATH + "/{response_id}", self.delete, methods=["DELETE"]),
        ]

    async def cancel(self, request: Request) -> Response:
        """Stop a response, and return it; one that has ended is returned as it is."""
        read_at, sender = self._services.clock.now(), principal(request)
        response_id = request.path_params["generation_id"]
        async with counted_interrupt(self._services, generation_id(response_id) or "", sender, read_at) as count:
            await read_json(request, self._services, empty={})
            response = await find_response(self._services, request, response_id)
            generation = response.generation
            if generation is not None and response.is_running:
                _, count.stopped = await self._services.generations.interrupt(generation.id, _CANCEL, read_at, sender)
                await wait_for_end(self._services.hub, generation, CANCEL_SECONDS)
        headers = {} if generation is None else id_headers(request, generation)
        return json_response(request, document_of(response), headers=headers)

    async def delete(self, request: Request) -> Response:
        """Forget a response, and its generation if no other response is a part of it; one that runs is stopped."""
        response = await find_response(self._services, request, request.path_params["response_id"])
        owner = principal(request)
        self._services.responses.delete(response.id, owner.id)
        if response.generation is not None:
            await self._delete_generation(response, response.generation, owner)
        deleted = {"id": response.id, "object": "response", "deleted": True}
        return json_response(request, deleted)

    async def _delete_generation(self, response: StoredResponse, generation: Generation, owner: Principal) -> None:
        generations = self._services.generations
        if not await self._services.stored_responses.has_any_of(generation, owner.id):
            await generations.delete(generation.id, owner)
        elif response.is_running:
            await generations.interrupt(generation.id, _CANCEL, self._services.clock.now(), owner)

    async def input_items(self, request: Request) -> Response:
        """Return a page of the items that a response answers, newest first unless `order` says otherwise."""
        response = await find_response(self._services, request, request.path_params["response_id"])
        items = _with_ids(response)
        query = request.query_params
        if _choice(query.get("order"), "order", ("desc", "asc")) == "desc":
            items.reverse()
        if (after := query.get("after")) is not None:
            place = next((at for at, item in enumerate(items) if item["id"] == after), None)
            if place is None:
                message = f"after: there is no item {after[:100]!r} in this response."
                raise invalid(message, param="after")
            items = items[place + 1 :]
        limit = page_size(query, "limit", DEFAULT_PAGE, MAX_PAGE)
        page = items[:limit]
        ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
        return json_response(request, {"object": "list", "data": page, **ends, "has_more": len(items) > limit})


async def find_response(services: Services, request: Request, response_id: str) -> StoredResponse:
    """Return a stored response of the principal of a request.

    Raises:
        Refused: there is none, or it is another principal's.
    """
    reader = principal(request)
    response = await services.stored_responses.find(response_id, Asker(reader))
    if response is None or not await _may_read(services, response.generation, reader):
        refused = Refused(Code.GENERATION_LOST, f"Response with id {response_id[:100]!r} not found.")
        refused.api_code = "response_not_found"
        raise refused
    return response


async def _may_read(services: Services, generation: Generation | None, reader: Principal) -> bool:
    """Return False also if the credential of the request is a ticket for another generation."""
    if generation is None:
        return True
    try:
        await services.generations.find(generation.id, reader)
    except Refused:
        return False
    return True


def _with_ids(response: StoredResponse) -> list[JsonObject]:
    """Return the items of an input, each with an id: that of its client, or one by its place."""
    name = response.id.removeprefix("resp")
    items: list[JsonObject] = []
    for at, item in enumerate(decode(response.input)):
        kind = str(item.get("type") or "message")
        prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}.get(kind, "item")
        items.append({"type": kind, "id": f"{prefix}{name}_in_{at}", **item})
    return items


def _choice(value: str | None, name: str, choices: Sequence[str]) -> str:
    if value is None:
        return choices[0]
    if value not in choices:
        message = f"{name}: must be one of {', '.join(choices)}."
        raise invalid(message, param=name)
    return value
