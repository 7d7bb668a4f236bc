"""The APIs of providers over HTTP: any dialect."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from gateway.api.services import Services
from gateway.dialects.base import ModelApiDialect
from transports.model_api.endpoint import ModelApiEndpoint
from transports.model_api.responses.endpoint import STATEFUL, ResponsesEndpoint, responses_routes


class ModelApiTransport:
    """`POST` on the paths of each dialect."""

    name = "model-api"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        routes: list[BaseRoute] = []
        for dialect in services.dialects:
            if not isinstance(dialect, ModelApiDialect):
                continue
            endpoint = ResponsesEndpoint if dialect.name == STATEFUL else ModelApiEndpoint
            routes += [Route(path, endpoint(services, dialect, path).start, methods=["POST"]) for path in dialect.paths]
            if dialect.name == STATEFUL:
                routes += responses_routes(services, dialect)
        return routes
