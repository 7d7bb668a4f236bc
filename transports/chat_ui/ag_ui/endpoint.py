"""What clients of AG-UI request: a run, the run of a thread that they join, its stop, and the capabilities."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.coalescing import coalesce_header
from gateway.api.context import principal
from gateway.api.responses import id_headers, json_response
from gateway.api.services import Services
from gateway.dialects.ag_ui.capabilities import capabilities
from gateway.dialects.ag_ui.dialect import PATH, AgUiDialect
from gateway.dialects.base import DialectStart, ResponseIdentity
from gateway.dialects.fields import malformed
from gateway.generation.generation import Generation
from gateway.protocol.commands import OnDisconnect
from transports.chat_ui.endpoint import ChatUiEndpoint
from transports.chat_ui.runs import Runs
from transports.projected.stream import ProjectedStream


class AgUiEndpoint(ChatUiEndpoint):
    """`POST /api/ag-ui`. The client can't come back by itself: one that leaves has stopped the run (`abortRun`)."""

    def __init__(self, services: Services, dialect: AgUiDialect, runs: Runs) -> None:
        super().__init__(services, dialect, PATH)
        self._runs = runs

    def _policy(self, start: DialectStart) -> OnDisconnect | None:
        return super()._policy(start) or "cancel"

    async def _add_alias(self, generation: Generation, start: DialectStart, request: Request) -> None:
        await self._runs.add(generation, start, principal(request))


class AgUiThreads:
    """The newest run of each thread, for clients that did not start it, or that have lost it."""

    def __init__(self, services: Services, dialect: AgUiDialect) -> None:
        self.runs = Runs(services, dialect)
        self._services = services
        self._dialect = dialect

    async def join(self, request: Request) -> ProjectedStream:
        """Stream the run of a thread, from a snapshot of its conversation on.

        Raises:
            Refused: `generation_lost`.
        """
        generation = await self.runs.find(_thread_id(request), principal(request))
        identity = ResponseIdentity(generation.id, generation.model, generation.created)
        body = await self.runs.input_of(generation)
        reached = generation.log.last
        projection = self._dialect.joined(body, identity, reached)
        parts = (self._services, self._dialect, projection, generation, id_headers(request, generation))
        return ProjectedStream(*parts, coalesce_ms=coalesce_header(request.headers))

    async def stop(self, request: Request) -> Response:
        """Stop the run of a thread."""
        return await self.runs.stop(request, _thread_id(request))

    async def capabilities(self, request: Request) -> Response:
        """Return what the agent can do."""
        return json_response(request, capabilities())


def _thread_id(request: Request) -> str:
    thread_id = request.query_params.get("threadId")
    if not thread_id:
        raise malformed("threadId", "must be in the query: it names the thread whose run is meant")
    return thread_id
