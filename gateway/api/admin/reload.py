"""`POST /api/admin/reload`: load the configuration again, as SIGHUP does, and report what has changed."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.admin.access import PREFIX, AdminAccess
from gateway.api.admin.administration import Administration
from gateway.api.responses import json_response
from gateway.protocol.errors import invalid
from gateway.toml.problems import ConfigurationError

PATH: Final = f"{PREFIX}/reload"


class ReloadRoute:
    """The route. A body is not read."""

    def __init__(self, administration: Administration, access: AdminAccess) -> None:
        self._administration = administration
        self._access = access

    def routes(self) -> Sequence[BaseRoute]:
        """Return the route."""
        return [Route(PATH, self.reload, methods=["POST"])]

    async def reload(self, request: Request) -> Response:
        """Reload the configuration of all gateways of the deployment."""
        self._access.check(request)
        try:
            report, outcome = await self._administration.reload()
        except ConfigurationError as error:
            self._access.log(request, "reload", result="not valid")
            problems = str(error).split("\n")
            refused = invalid("The configuration is not valid; nothing has changed: see problems.", status=422)
            return json_response(request, {**refused.body(), "problems": problems}, HTTPStatus.UNPROCESSABLE_ENTITY)
        self._access.log(request, "reload", changed=report.changed)
        shown = {
            "models": [*report.models],
            "changed": [*report.changed],
            "needs_restart": [*report.needs_restart],
            "gateways": outcome.json(),
        }
        return json_response(request, shown)
