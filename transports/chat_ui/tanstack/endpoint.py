"""What clients of TanStack AI request over HTTP: a run, the rest of it after a lost connection, and its stop."""

from collections.abc import Callable
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.api.coalescing import coalesce_header
from gateway.api.context import principal
from gateway.api.requests import read_json_object
from gateway.api.responses import id_headers, json_response
from gateway.api.services import Services
from gateway.dialects.base import Dialect, DialectStart, Projection
from gateway.dialects.fields import malformed
from gateway.dialects.tanstack.dialect import PATH, TanStackDialect
from gateway.dialects.tanstack.event_ids import format_event_id
from gateway.generation.generation import Generation
from transports.chat_ui.endpoint import ChatUiEndpoint
from transports.chat_ui.response import ChatUiResponse
from transports.chat_ui.tanstack.runs import Resumed, TanStackRuns
from transports.projected.response import DialectResponse
from transports.projected.stream import NumberedFraming, ProjectedFraming, ProjectedStream, ResumableStream

_FIRST_EVENT: Final = 1
"""Position of `accepted`, with which every log begins."""


def numbered(generation: Generation, skip: int = 0) -> Callable[[Dialect, Projection], ProjectedFraming]:
    """Return the framing of a run whose events have ids; a client has the first `skip` of them."""

    def event_id(number: int) -> bytes:
        return format_event_id(generation.id, number).encode()

    return partial(NumberedFraming, skip=skip, event_id=event_id)


class _NumberedResponse(ChatUiResponse):
    """The response to a request that starts a run: its events have ids.

    It begins as soon as a provider has accepted the call: without the first id, a client can't come back.
    """

    def _is_ready(self) -> bool:
        return super()._is_ready() or self._generation.log.last > _FIRST_EVENT

    def _response(self) -> ASGIApp:
        projection = self._dialect.projection(self._start, self._identity)
        parts = (self._services, self._dialect, projection, self._generation, self._headers())
        return ResumableStream(*parts, framing_type=numbered(self._generation))


class TanStackEndpoint(ChatUiEndpoint):
    """`/api/tanstack` over HTTP."""

    response_type = _NumberedResponse

    def __init__(self, services: Services, dialect: TanStackDialect, runs: TanStackRuns) -> None:
        super().__init__(services, dialect, PATH)
        self._runs = runs

    async def run(self, request: Request) -> Response | DialectResponse | ProjectedStream:
        """Start a run; a request with `Last-Event-ID` starts nothing, and gets what follows that event.

        Raises:
            Refused: the request is not valid, `generation_lost`, or `Generations.start` refuses it.
        """
        event_id = request.headers.get("last-event-id")
        if not event_id:
            return await self.start(request)
        # The same body comes again. It is read, so that the connection can be used for another request.
        await read_json_object(request, self._services)
        resumed = await self._runs.resumed(event_id, "", "Last-Event-ID", principal(request))
        return self._go_on(request, resumed)

    async def join(self, request: Request) -> Response | ProjectedStream:
        """Stream the run in `runId` from its start (`offset=-1`), or a run after the event in `offset`.

        With `threadId` alone, return the conversation of a thread (`persistence` of its clients).

        Raises:
            Refused: `generation_lost`.
        """
        query = request.query_params
        offset = request.headers.get("last-event-id") or query.get("offset")
        if not offset and (thread_id := query.get("threadId")):
            return json_response(request, await self._runs.hydration(thread_id, principal(request)))
        if not offset:
            raise malformed("offset", "is missing: send -1 and a runId to join a run, or POST to start one")
        resumed = await self._runs.resumed(offset, query.get("runId", ""), "offset", principal(request))
        return self._go_on(request, resumed)

    async def stop(self, request: Request) -> Response:
        """Stop the run in `runId`."""
        run_id = request.query_params.get("runId")
        if not run_id:
            raise malformed("runId", "must be in the query: it names the run that is meant")
        return await self._runs.stop(request, run_id)

    def _go_on(self, request: Request, resumed: Resumed) -> ProjectedStream:
        generation, projection, skip = resumed
        parts = (self._services, self._dialect, projection, generation, id_headers(request, generation))
        framing_type, coalesce_ms = numbered(generation, skip), coalesce_header(request.headers)
        return ResumableStream(*parts, framing_type=framing_type, coalesce_ms=coalesce_ms)

    async def _add_alias(self, generation: Generation, start: DialectStart, request: Request) -> None:
        await self._runs.add(generation, start, principal(request))
