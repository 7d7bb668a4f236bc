"""A request in a dialect that starts a generation."""

from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.coalescing import with_coalesce_header
from gateway.api.context import headers_of, principal
from gateway.api.generations import start_generation
from gateway.api.requests import on_disconnect_header, read_json_object
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.dialects.base import Call, Dialect, DialectStart, is_model_api
from gateway.dialects.sent_request import SentRequest, sent_request
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject, OnDisconnect, StartRequest
from transports.projected.response import DialectResponse
from transports.projected.stream import JsonArrayFraming, ProjectedFraming

D = TypeVar("D", bound=Dialect)


def find_dialect(services: Services, dialect_type: type[D]) -> D | None:
    """Return the dialect of a class; None if it is not installed."""
    return next((dialect for dialect in services.dialects if isinstance(dialect, dialect_type)), None)


def alias_of(dialect: Dialect, client_id: str) -> str:
    """Return the alias of a generation by the id that a client of a dialect has given it."""
    return f"{dialect.name}:{client_id}"


class Endpoint:
    """The start of a generation at one path of a dialect. An API that keeps a state overrides what that changes."""

    def __init__(self, services: Services, dialect: Dialect, path: str = "") -> None:
        self._services = services
        self._dialect = dialect
        self._path = path
        # Clients of a provider's API send all that the provider gets.
        self._with_defaults = not is_model_api(dialect)

    async def start(self, request: Request) -> Response | DialectResponse:
        """Start a generation, and respond with it.

        Raises:
            Refused: the request is not valid, or `Generations.start` refuses it.
        """
        body = await self._read(request)
        query = request.query_params if request.scope["query_string"] else {}
        call = Call(body, request.path_params, query, headers_of(request.scope), self._path)
        start = await self._parse(call, request)
        if start.stream:
            enter_stream(self._services, request)
        generation = await start_generation(
            *(self._services, request, self._request(start), start.verbatim),
            self._sent(start),
            self._retention(start),
            transport=_transport_of(start),
            with_defaults=self._with_defaults,
        )
        if start.alias:
            await self._add_alias(generation, start, request)
        return self._respond(start, generation, request)

    def _request(self, start: DialectStart) -> StartRequest:
        """Return the start with what the headers of its request add."""
        return with_coalesce_header(with_policy(start.request, self._policy(start)), start.call.headers)

    async def _read(self, request: Request) -> JsonObject:
        return await read_json_object(request, self._services)

    def _sent(self, start: DialectStart) -> SentRequest | None:
        """Return by what a request that is sent again is recognised; None if each starts a generation."""
        return sent_request(self._dialect.name, start)

    async def _add_alias(self, generation: Generation, start: DialectStart, request: Request) -> None:
        alias = alias_of(self._dialect, start.alias)
        await self._services.generations.add_alias(generation.id, alias, principal(request))

    async def _parse(self, call: Call, _request: Request) -> DialectStart:
        return self._dialect.parse(call)

    def _policy(self, start: DialectStart) -> OnDisconnect | None:
        """Return what happens when the client leaves; None for what the settings say."""
        return on_disconnect_header(start.call.headers) or start.request.options.on_disconnect

    def _retention(self, _start: DialectStart) -> float:
        """Return how long the generation is kept at least, in seconds; see `Hub.start`."""
        return 0.0

    def _respond(self, start: DialectStart, generation: Generation, request: Request) -> Response | DialectResponse:
        return DialectResponse(self._services, self._dialect, start, generation, request)


def _transport_of(start: DialectStart) -> str:
    if not start.stream:
        return "http"
    return JsonArrayFraming.transport if start.framing == "json_array" else ProjectedFraming.transport


def with_policy(start: StartRequest, policy: OnDisconnect | None) -> StartRequest:
    """Return a start that names what happens when its client leaves."""
    if policy == start.options.on_disconnect:
        return start
    return start.updated(options=start.options.updated(on_disconnect=policy))
