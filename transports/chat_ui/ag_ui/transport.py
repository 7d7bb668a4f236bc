"""AG-UI over HTTP."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from gateway.api.middleware.command_rate import COUNTS_ITSELF, READS
from gateway.api.services import Services
from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.ag_ui.dialect import PATH
from transports.chat_ui.ag_ui.endpoint import AgUiEndpoint, AgUiThreads
from transports.projected.endpoint import find_dialect


class AgUiTransport:
    """`POST /api/ag-ui` runs the agent, `GET` joins the run of a thread, `DELETE` stops it."""

    name = "ag-ui"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        dialect = find_dialect(services, AgUiDialect)
        if dialect is None:
            return []
        threads = AgUiThreads(services, dialect)
        return [
            Route(PATH, AgUiEndpoint(services, dialect, threads.runs).start, methods=["POST"]),
            Route(PATH, threads.join, methods=["GET"], name=READS),
            Route(PATH, threads.stop, methods=["DELETE"], name=COUNTS_ITSELF),
            Route(f"{PATH}/capabilities", threads.capabilities, methods=["GET"]),
        ]
