"""The response to a request to the API of a provider: streamed, as a JSON array, or one document."""

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.dialects.base import AnsweringDialect, DialectStart, ModelApiDialect
from gateway.dialects.documents import document_of
from gateway.generation.generation import Generation
from gateway.protocol.events import Error
from transports.projected.response import DialectResponse
from transports.projected.stream import JsonArrayFraming, ProjectedStream


class ModelApiResponse(DialectResponse):
    """The response to one request. One that is not streamed waits for the end of its generation."""

    def __init__(
        self,
        services: Services,
        dialect: ModelApiDialect,
        start: DialectStart,
        generation: Generation,
        request: Request,
    ) -> None:
        super().__init__(services, dialect, start, generation, request)
        self._model_api = dialect

    @property
    def _transport(self) -> str:
        return "" if self._start.stream else "http"

    def _is_refused(self, end: Error) -> bool:
        if end.partial:
            return not self._start.stream
        return not (isinstance(self._dialect, AnsweringDialect) and end.code in self._dialect.answered)

    def _max_wait(self) -> float | None:
        return super()._max_wait() if self._start.stream else None

    def _is_ready(self) -> bool:
        return super()._is_ready() if self._start.stream else self._generation.log.ended

    def _response(self) -> ASGIApp:
        if not self._start.stream:
            document = document_of(self._model_api, self._start, self._identity, self._generation.log.since(0))
            return json_response(self._request, document, headers=self._headers())
        if self._start.framing != "json_array":
            return super()._response()
        projection = self._dialect.projection(self._start, self._identity)
        parts = (self._services, self._dialect, projection, self._generation, self._headers())
        return ProjectedStream(*parts, framing_type=JsonArrayFraming)
