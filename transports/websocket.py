"""WebSocket: events out and commands in on one socket, for many generations at once."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.api.streams import claim_stream, enter_stream
from gateway.asgi import defer
from gateway.protocol.errors import CODES, Refused, invalid
from transports.handshake import SocketIdentity, close_reason, shake_hands
from transports.websocket_connection import WebSocketConnection


class WebSocketTransport:
    """The native WebSocket, `/api/ws`."""

    name = "websocket"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the route of the WebSocket, and one that answers plain HTTP requests to it."""
        return [
            WebSocketRoute("/api/ws", _SocketEndpoint(services)),
            Route("/api/ws", _require_upgrade, methods=["GET"]),
        ]


class _SocketEndpoint:
    """The socket as an ASGI application: around a function Starlette would put three more, for its own exceptions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        identity = await shake_hands(self._services, websocket)
        if identity is not None and await _claim_stream(self._services, websocket, identity):
            connection = WebSocketConnection(self._services, websocket, identity)
            await defer(scope, websocket.receive, websocket.send, connection.serve)


async def _claim_stream(services: Services, websocket: WebSocket, identity: SocketIdentity) -> bool:
    """Count a socket among the streams; close it and return False if there are too many."""
    try:
        claim_stream(services, enter_stream(services, websocket), identity.principal)
    except Refused as refused:
        await websocket.close(CODES[refused.code].close_code, close_reason(refused))
        return False
    return True


async def _require_upgrade(request: Request) -> Response:
    message = "This is a WebSocket: connect with a WebSocket client."
    response = refusal_response(invalid(message, param="Upgrade", status=426), request)
    # The protocol to upgrade to (RFC 9110, 15.5.22), and that this header is for this connection alone (7.8).
    response.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return response
