"""The APIs of providers over HTTP: any dialect."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from gateway.api.services import Services
from transports.dialect_endpoint import Endpoint


class ModelApiTransport:
    """`POST` on the paths of each dialect."""

    name = "model-api"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        return [
            Route(path, Endpoint(services, dialect, path).start, methods=["POST"])
            for dialect in services.dialects
            for path in dialect.paths
        ]
