"""The streamed response to a request in a dialect, or a refusal if it fails before its first content."""

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.api.context import principal
from gateway.api.responses import start_headers
from gateway.api.services import Services
from gateway.dialects.base import Dialect, DialectStart, ResponseIdentity
from gateway.generation.generation import Generation
from transports.awaited_response import AwaitedResponse
from transports.projected.stream import ProjectedStream


class DialectResponse(AwaitedResponse):
    """The response to one request, which reads the generation from its beginning as events of the dialect."""

    def __init__(
        self, services: Services, dialect: Dialect, start: DialectStart, generation: Generation, request: Request
    ) -> None:
        super().__init__(services, generation, request)
        self._dialect = dialect
        self._start = start
        model = start.request.model or generation.model
        self._identity = ResponseIdentity(generation.id, model, generation.created)

    def _response(self) -> ASGIApp:
        projection = self._dialect.projection(self._start, self._identity)
        return ProjectedStream(self._services, self._dialect, projection, self._generation, self._headers())

    def _headers(self) -> dict[str, str]:
        allowance = self._services.hub.allowance(principal(self._request))
        return start_headers(self._request, self._generation, allowance)
