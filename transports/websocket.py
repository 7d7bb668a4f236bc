"""WebSocket: events out and commands in on one socket, for many generations at once."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
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

        async def serve(websocket: WebSocket) -> None:
            identity = await shake_hands(services, websocket)
            if identity is not None and await _claim_stream(services, websocket, identity):
                connection = WebSocketConnection(services, websocket, identity)
                await defer(websocket.scope, websocket.receive, websocket.send, connection.serve)

        return [WebSocketRoute("/api/ws", serve), Route("/api/ws", _require_upgrade, methods=["GET"])]


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
