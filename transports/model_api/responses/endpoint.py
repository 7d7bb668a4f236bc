"""OpenAI's Responses API over HTTP, as far as it keeps a state: start, background, retrieve, and the stream again."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.coalescing import coalesce_header
from gateway.api.context import principal
from gateway.api.model_api.responses.documents import ResponseDocuments
from gateway.api.model_api.responses.lookup import Asker
from gateway.api.model_api.responses.replay import Replay, document_of, replayed
from gateway.api.model_api.responses.resource import PATH, ResponsesResource, find_response
from gateway.api.model_api.responses.start import ResponseStart, prepare
from gateway.api.model_api.responses.store import StoredResponse
from gateway.api.responses import STREAM_HEADERS, id_headers, json_response, start_headers
from gateway.api.services import Services
from gateway.dialects.base import Call, Dialect, DialectStart
from gateway.dialects.openai_responses.ids import response_id
from gateway.generation.generation import Generation
from gateway.protocol.commands import OnDisconnect
from gateway.protocol.errors import invalid
from gateway.protocol.events import Error
from gateway.security.principals import Principal
from transports.model_api.endpoint import ModelApiEndpoint
from transports.model_api.response import ModelApiResponse
from transports.model_api.responses.socket import socket_routes
from transports.projected.response import DialectResponse
from transports.projected.stream import ProjectedStream, event_frame

STATEFUL: Final = "openai_responses"
"""Name of the dialect whose responses are stored."""


def responses_routes(services: Services, dialect: Dialect) -> Sequence[BaseRoute]:
    """Return the routes of stored responses, and that of the WebSocket."""
    retrieve = Route(PATH + "/{response_id}", _Retrieval(services, dialect).retrieve, methods=["GET"])
    documents = ResponseDocuments(services).routes()
    return [*documents, *ResponsesResource(services).routes(), retrieve, *socket_routes(services, dialect)]


class ResponsesEndpoint(ModelApiEndpoint):
    """`POST /v1/responses`: what it starts can be retrieved, continued from, and left to itself (`background`)."""

    async def _parse(self, call: Call, request: Request) -> DialectStart:
        if call.body.get("generate") is False:
            message = "generate: only a WebSocket has a state to prepare: leave it out, or connect to one."
            raise invalid(message, param="generate")
        return await prepare(self._services.stored_responses, call, Asker(principal(request)))

    async def start(self, request: Request) -> Response | DialectResponse:
        """Start a response; it is stored before its client has an id of it."""
        response = await super().start(request)
        await self._services.stored_responses.flush()
        return response

    def _policy(self, start: DialectStart) -> OnDisconnect | None:
        return "continue" if _is_background(start) else super()._policy(start)

    def _retention(self, start: DialectStart) -> float:
        return self._services.responses.retention if isinstance(start, ResponseStart) and start.store else 0.0

    def _respond(self, start: DialectStart, generation: Generation, request: Request) -> Response | DialectResponse:
        stored = _store(self._services, start, generation, principal(request))
        if stored is None:
            return super()._respond(start, generation, request)
        if not _is_background(start) or start.stream:
            return _StoredResponse(self._services, self._model_api, start, generation, request)
        headers = start_headers(request, generation, self._services.hub.allowance(principal(request)))
        return json_response(request, document_of(stored), headers=headers)


class _StoredResponse(ModelApiResponse):
    """The response to a request that is stored, unless the request fails: its client has no id of it then."""

    def _refusal(self, end: Error) -> Response:
        if not _is_background(self._start):
            self._services.responses.delete(response_id(self._generation.id), principal(self._request).id)
        return super()._refusal(end)


def _is_background(start: DialectStart) -> bool:
    return isinstance(start, ResponseStart) and start.background


def _store(services: Services, start: DialectStart, generation: Generation, owner: Principal) -> StoredResponse | None:
    """Store a response, unless its request says otherwise."""
    if not isinstance(start, ResponseStart) or not start.store:
        return None
    model = start.request.model or generation.model
    stored = start.stored(response_id(generation.id), Asker(owner), model, generation.created, generation)
    if services.hub.record(generation.id) is not None:
        # Else it was sent again to another gateway than the first time: the first one has stored it for all.
        services.responses.add(stored)
    return stored


class _Retrieval:
    """`GET /v1/responses/{id}`: the response object as it is now, or its events, from the first one on."""

    def __init__(self, services: Services, dialect: Dialect) -> None:
        self._services = services
        self._dialect = dialect

    async def retrieve(self, request: Request) -> "Response | _ReplayedStream":
        """Return the response, or stream it if `stream=true`, after the event `starting_after`."""
        response = await find_response(self._services, request, request.path_params["response_id"])
        after = _starting_after(request)
        generation = response.generation
        if request.query_params.get("stream") != "true":
            headers = {} if generation is None else id_headers(request, generation)
            return json_response(request, document_of(response), headers=headers)
        if generation is None:
            message = "stream: the events of this response are not kept: retrieve it without stream."
            raise invalid(message, param="stream")
        headers, coalesce_ms = id_headers(request, generation), coalesce_header(request.headers)
        if response.until is not None:
            frames = b"".join(map(event_frame, replayed(response, after)))
            return Response(frames, headers={**STREAM_HEADERS, **headers}, media_type=self._dialect.content_type)
        return _ReplayedStream(
            self._services, self._dialect, response, generation, after, headers, coalesce_ms=coalesce_ms
        )


def _starting_after(request: Request) -> int:
    """Return the number of events that a client has."""
    value = request.query_params.get("starting_after")
    if value is None:
        return 0
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        message = "starting_after: must be the sequence_number of an event."
        raise invalid(message, param="starting_after")
    return int(value) + 1


class _ReplayedStream(ProjectedStream):
    """The events of a stored response. Reading them counts nothing, and leaving does not stop it."""

    def __init__(
        self,
        services: Services,
        dialect: Dialect,
        response: StoredResponse,
        generation: Generation,
        skip: int,
        headers: dict[str, str],
        *,
        coalesce_ms: int | None,
    ) -> None:
        super().__init__(services, dialect, Replay(response, skip), generation, headers, coalesce_ms=coalesce_ms)
        self._after = response.after
