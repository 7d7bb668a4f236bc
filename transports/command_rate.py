"""What counts a client's requests, beside the guard: those that neither start nor stream."""

from collections.abc import Iterable, Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.security.principals import Principal
from transports.base import Services
from transports.http import PRINCIPAL


class Counted:
    """One route's application, behind the count. What anybody may ask is not counted, nor is a stop that stops.

    Each generation can be stopped once: that is no flood, and a client that sends too much else may still stop what it
    has started.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, and let it pass.

        Raises:
            Refused: `rate_limit`.
        """
        asking: Principal | None = scope.get(PRINCIPAL)
        if asking is not None and not self._stops(scope, asking):
            self._services.commands.request(asking.id, asking.address, self._services.clock.now())
        await self._app(scope, receive, send)

    def _stops(self, scope: Scope, asking: Principal) -> bool:
        generation_id = scope["path_params"].get("generation_id", "")
        return scope["path"].endswith("/interrupt") and self._services.hub.would_stop(generation_id, asking)


def counted(services: Services, routes: Iterable[BaseRoute]) -> Sequence[BaseRoute]:
    """Put routes behind the count; a folder of files is none that needs a principal."""
    given = list(routes)
    for route in given:
        if isinstance(route, Route):
            route.app = Counted(route.app, services)
    return given
