"""What stands before every route: which page asks, and whose it is. A WebSocket is asked later: it may say hello."""

from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api import session, tickets
from gateway.api.context import ORIGIN, PRINCIPAL, address
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.protocol.errors import Refused
from gateway.security.authenticator import bearer_credential
from gateway.security.principals import Principal

PUBLIC_PATHS: Final = frozenset({"/", "/health", "/ready", "/openapi.json"})
"""What anybody may ask: the page, which shows nothing by itself, whether the gateway is there, and what it can do."""

PUBLIC_PREFIX: Final = "/static/"


class AuthMiddleware:
    """ASGI middleware that lets no request to a route from a foreign page, or of a principal that is not known.

    The routes that are public it leaves alone.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask both, and put what is known into the scope."""
        if scope["type"] == "http" and not _is_public(scope["path"]):
            try:
                await self._authenticate(scope)
            except Refused as refused:
                await refusal_response(refused, Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> None:
        request = Request(scope)
        # First: a foreign page is told that it is one, and can't use a ticket up.
        origin = check_origin(self._services, request)
        ticket = tickets.ticket_from_url(scope)
        if ticket is not None:
            scope[PRINCIPAL] = self._services.authenticator.redeem_ticket(
                ticket, tickets.requested_use(request), origin
            )
        elif not session.ends_session(scope):
            await authenticate(self._services, request, read_credential(self._services, request))


def check_origin(services: Services, connection: HTTPConnection) -> str:
    """Let no foreign page through, and note where an allowed one is from; see `Origins.check`.

    Raises:
        Refused: `forbidden`.
    """
    origin = services.origins.check(connection.headers, connection.scope["scheme"])
    connection.scope[ORIGIN] = origin
    return origin


def read_credential(services: Services, connection: HTTPConnection) -> str | None:
    """Give what a connection shows in its `Authorization` or its cookie; None without, and where nobody is asked.

    Raises:
        Refused: `auth_error`, or `forbidden`: a cookie came, and nothing says from which page.
    """
    if services.authenticator.allows_anonymous:
        return None
    return bearer_credential(connection.headers) or session.token_from_cookie(services.cookie, connection)


async def authenticate(services: Services, connection: HTTPConnection, credential: str | None) -> Principal:
    """Let a connection in by what it shows, and note whose it is.

    Raises:
        Refused: `auth_error`.
    """
    principal = await services.authenticator.authenticate(credential, address(connection))
    connection.scope[PRINCIPAL] = principal
    return principal


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIX)
