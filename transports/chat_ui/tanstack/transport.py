"""TanStack AI over HTTP and WebSocket, on one path."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.api.middleware.command_rate import COUNTS_ITSELF, READS
from gateway.api.services import Services
from gateway.dialects.tanstack import TanStackDialect
from gateway.dialects.tanstack.dialect import PATH
from transports.chat_ui.tanstack.endpoint import TanStackEndpoint
from transports.chat_ui.tanstack.runs import TanStackRuns
from transports.chat_ui.tanstack.socket import socket_endpoint
from transports.projected.endpoint import find_dialect


class TanStackTransport:
    """`POST /api/tanstack` starts a run or comes back to it, `GET` joins one, `DELETE` stops one."""

    name = "tanstack"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        dialect = find_dialect(services, TanStackDialect)
        if dialect is None:
            return []
        runs = TanStackRuns(services, dialect)
        endpoint = TanStackEndpoint(services, dialect, runs)
        return [
            Route(PATH, endpoint.run, methods=["POST"]),
            Route(PATH, endpoint.join, methods=["GET"], name=READS),
            Route(PATH, endpoint.stop, methods=["DELETE"], name=COUNTS_ITSELF),
            WebSocketRoute(PATH, socket_endpoint(services, dialect, runs)),
        ]
