"""What counts a client's requests, beside the guard: all but those that read on what was started."""

from collections.abc import Iterable, Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.context import PRINCIPAL
from gateway.api.services import Services
from gateway.security.principals import Principal


class CommandRateLimit:
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
        if asking is None:
            await self._app(scope, receive, send)
        elif self._stops(scope, asking):
            await self._let_stop(asking, scope, receive, send)
        else:
            self._services.commands.request(asking.id, asking.address, self._services.clock.now())
            await self._app(scope, receive, send)

    async def _let_stop(self, asking: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        commands, clock = self._services.commands, self._services.clock
        commands.let_stop(asking.id, asking.address, clock.now())
        try:
            await self._app(scope, receive, send)
        finally:
            if self._stops(scope, asking):
                # It could have stopped something, and was no such command.
                commands.stopped_nothing(asking.id, asking.address, clock.now())

    def _stops(self, scope: Scope, asking: Principal) -> bool:
        generation_id = scope["path_params"].get("generation_id", "")
        return scope["path"].endswith("/interrupt") and self._services.hub.would_stop(generation_id, asking)


def rate_limited(services: Services, routes: Iterable[BaseRoute]) -> Sequence[BaseRoute]:
    """Put routes behind the count; a folder of files is none that needs a principal."""
    given = list(routes)
    for route in given:
        if isinstance(route, Route):
            route.app = CommandRateLimit(route.app, services)
    return given


def is_read_route(route: BaseRoute) -> bool:
    """Tell whether a transport's route is one by which a client reads what was started, or comes back to it."""
    return not isinstance(route, Route) or "{generation_id}" in route.path
