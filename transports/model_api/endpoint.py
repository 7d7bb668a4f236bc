"""A request to the API of a provider."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.services import Services
from gateway.dialects.base import DialectStart, ModelApiDialect
from gateway.generation.generation import Generation
from gateway.protocol.commands import OnDisconnect
from transports.model_api.response import ModelApiResponse
from transports.projected.endpoint import Endpoint
from transports.projected.response import DialectResponse


class ModelApiEndpoint(Endpoint):
    """The start of a generation at one path of a provider's API."""

    def __init__(self, services: Services, dialect: ModelApiDialect, path: str = "") -> None:
        super().__init__(services, dialect, path)
        self._model_api = dialect

    def _policy(self, start: DialectStart) -> OnDisconnect | None:
        # Most of these APIs have no way to come back.
        return super()._policy(start) or self._services.model_api_on_disconnect

    def _respond(self, start: DialectStart, generation: Generation, request: Request) -> Response | DialectResponse:
        return ModelApiResponse(self._services, self._model_api, start, generation, request)
