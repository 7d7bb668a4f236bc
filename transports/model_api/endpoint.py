"""A request to the API of a provider, and its response: streamed as text/event-stream, or as one document."""

import asyncio
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.api.context import principal
from gateway.api.disconnect import wait_for_disconnect
from gateway.api.generations import start_generation
from gateway.api.requests import on_disconnect_header, read_json_object
from gateway.api.responses import json_response, refusal_response, start_headers
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.clock import RestartableTimer
from gateway.dialects.base import AnsweringDialect, Call, Dialect, DialectStart, ResponseIdentity
from gateway.dialects.documents import document_of
from gateway.dialects.ends import refusal_of
from gateway.dialects.sent_request import sent_request
from gateway.generation.generation import Generation
from gateway.protocol.commands import OnDisconnect, StartRequest
from gateway.protocol.events import Error
from transports.model_api.projected_stream import JsonArrayFraming, ProjectedFraming, ProjectedStream


class Endpoint:
    """The start of a generation at one path of a dialect. An API that keeps a state overrides what that changes."""

    def __init__(self, services: Services, dialect: Dialect, path: str = "") -> None:
        self._services = services
        self._dialect = dialect
        self._path = path

    async def start(self, request: Request) -> "Response | DialectResponse":
        """Start a generation, and respond with it.

        Raises:
            Refused: the request is not valid, or `Hub.start` refuses it.
        """
        body = await read_json_object(request, self._services)
        call = Call(body, request.path_params, request.query_params, request.headers, self._path)
        start = self._parse(call, request)
        if start.stream:
            enter_stream(self._services, request)
        generation = start_generation(
            *(self._services, request, with_policy(start.request, self._policy(start)), start.verbatim),
            sent_request(self._dialect.name, start),
            self._retention(start),
        )
        return self._respond(start, generation, request)

    def _parse(self, call: Call, _request: Request) -> DialectStart:
        return self._dialect.parse(call)

    def _policy(self, start: DialectStart) -> OnDisconnect:
        """Return what happens when the client leaves: most of these APIs have no way to come back."""
        asked = on_disconnect_header(start.call.headers) or start.request.options.on_disconnect
        return asked or self._services.model_api_on_disconnect

    def _retention(self, _start: DialectStart) -> float:
        """Return how long the generation is kept at least, in seconds; see `Hub.start`."""
        return 0.0

    def _respond(self, start: DialectStart, generation: Generation, request: Request) -> "Response | DialectResponse":
        return DialectResponse(self._services, self._dialect, start, generation, request)


def with_policy(start: StartRequest, policy: OnDisconnect) -> StartRequest:
    """Return a start that names what happens when its client leaves."""
    return start.model_copy(update={"options": start.options.model_copy(update={"on_disconnect": policy})})


class DialectResponse:
    """The response to one request, as an ASGI application.

    A response begins with the first content: what fails before it has a status of its own, on which a client's retries
    depend. A streamed one begins after a heartbeat's time at the latest, so that no proxy takes it for dead.
    """

    def __init__(
        self, services: Services, dialect: Dialect, start: DialectStart, generation: Generation, request: Request
    ) -> None:
        self._services = services
        self._dialect = dialect
        self._start = start
        self._generation = generation
        self._request = request
        model = start.request.model or generation.model
        self._identity = ResponseIdentity(generation.id, model, generation.created)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. A client that leaves is a viewer that leaves: the generation's policy applies."""
        generation, hub = self._generation, self._services.hub
        hub.add_viewer(generation.id)
        try:
            if not await self._wait(receive):
                return
            end = generation.end
            if isinstance(end, Error) and self._is_refused(end):
                await self._refusal(end)(scope, receive, send)
            elif self._start.stream:
                await self._stream()(scope, receive, send)
            else:
                await self._document()(scope, receive, send)
        finally:
            hub.remove_viewer(generation.id)

    def _is_refused(self, end: Error) -> bool:
        """Return True if a failure has a status of its own: nothing of the answer is in the response."""
        if end.partial:
            return not self._start.stream
        return not (isinstance(self._dialect, AnsweringDialect) and end.code in self._dialect.answered)

    async def _wait(self, receive: Receive) -> bool:
        """Wait until the response can begin; return False if the client has left."""
        log, changed = self._generation.log, asyncio.Event()
        timer = RestartableTimer(self._services.clock)
        timed_out = False

        def on_timeout() -> None:
            nonlocal timed_out
            timed_out = True
            changed.set()

        if self._start.stream:
            timer.start(self._services.heartbeat, on_timeout)
        log.subscribe(changed.set)
        leaving = asyncio.ensure_future(wait_for_disconnect(receive))
        leaving.add_done_callback(lambda _task: changed.set())
        try:
            while not (self._is_ready() or timed_out or leaving.done()):
                changed.clear()
                await changed.wait()
            return not leaving.done()
        finally:
            timer.cancel()
            log.unsubscribe(changed.set)
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving

    def _is_ready(self) -> bool:
        generation = self._generation
        return generation.log.ended or (self._start.stream and generation.has_content)

    def _stream(self) -> ProjectedStream:
        framing = JsonArrayFraming if self._start.framing == "json_array" else ProjectedFraming
        projection = self._dialect.projection(self._start, self._identity)
        return ProjectedStream(self._services, self._dialect, projection, self._generation, self._headers(), framing)

    def _document(self) -> Response:
        document = document_of(self._dialect, self._start, self._identity, self._generation.log.since(0))
        return json_response(self._request, document, headers=self._headers())

    def _refusal(self, end: Error) -> Response:
        refused = refusal_of(end)
        refused.param, refused.api_code = self._generation.failed_param, self._generation.failed_api_code
        response = refusal_response(refused, self._request)
        response.headers.update(self._headers())
        return response

    def _headers(self) -> dict[str, str]:
        allowance = self._services.hub.allowance(principal(self._request))
        return start_headers(self._request, self._generation, allowance)
