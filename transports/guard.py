"""What asks the gate before a request reaches a route. A WebSocket asks later: its client may yet say who it is."""

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Refused
from gateway.security.gate import Gate
from gateway.security.principals import Principal
from transports import tickets
from transports.http import PRINCIPAL, address, refusal
from transports.origins import Origins

PUBLIC = frozenset({"/", "/health", "/ready"})
"""What anybody may ask: the page, which shows nothing by itself, and whether the gateway is there."""

PUBLIC_FOLDER = "/static/"


class Guard:
    """ASGI middleware that lets no request to a route whose principal is not known, but for those that are public."""

    def __init__(self, app: ASGIApp, gate: Gate, origins: Origins) -> None:
        self._app = app
        self._gate = gate
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the gate, and put whose request it is into the scope."""
        if scope["type"] == "http" and not _is_public(scope["path"]):
            try:
                await self._admit(scope)
            except Refused as refused:
                await refusal(refused, Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        ticket = tickets.shown(scope)
        if ticket is None:
            await admit(self._gate, HTTPConnection(scope))
            return
        request = Request(scope)
        # First: a foreign page is told that it is one, and can't use a ticket up.
        origin = self._origins.check(request.headers)
        scope[PRINCIPAL] = self._gate.redeem(ticket, tickets.asked(request), origin)


async def admit(gate: Gate, connection: HTTPConnection) -> Principal:
    """Let a connection in, and note whose it is.

    Raises:
        Refused: `auth_error`.
    """
    principal = await gate.admit(connection.headers, address(connection))
    connection.scope[PRINCIPAL] = principal
    return principal


def _is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(PUBLIC_FOLDER)
