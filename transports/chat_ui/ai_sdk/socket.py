"""The chat of the AI SDK over WebSocket, on the path of the chat."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.admission.prompts import PromptReservation
from gateway.api.context import ORIGIN, address
from gateway.api.middleware.auth import check_origin
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.api.streams import claim_stream, enter_stream
from gateway.asgi import Writer, defer, message_reader
from gateway.dialects.ai_sdk.dialect import PATH
from gateway.dialects.base import Dialect
from gateway.protocol.errors import CODES, Refused, invalid
from gateway.security.principals import anonymous
from transports.chat_ui.ai_sdk.commands import AiSdkCommands
from transports.handshake import SocketIdentity, close_reason, handshake_principal
from transports.projected.socket import ProjectedConnection, offered_subprotocol


def socket_routes(services: Services, dialect: Dialect) -> Sequence[BaseRoute]:
    """Return the route of the WebSocket, and one that answers a GET without one."""

    async def serve(websocket: WebSocket) -> None:
        # A browser can read a close code, but not the status of a failed handshake.
        await websocket.accept(offered_subprotocol(websocket))
        try:
            origin = check_origin(services, websocket)
            principal = await handshake_principal(services, websocket, origin)
            claim_stream(services, enter_stream(services, websocket), principal)
        except Refused as refused:
            await websocket.close(CODES[refused.code].close_code, close_reason(refused))
            return
        identity = SocketIdentity(services.authenticator, origin, principal)
        connection = AiSdkConnection(services, websocket, identity, dialect)
        await defer(websocket.scope, websocket.receive, websocket.send, connection.serve)

    return [WebSocketRoute(PATH, serve), Route(PATH, _require_upgrade, methods=["GET"])]


async def _require_upgrade(request: Request) -> Response:
    message = "This is a WebSocket, or POST: use a chat transport of the AI SDK."
    response = refusal_response(invalid(message, param="Upgrade", status=426), request)
    # The protocol to upgrade to (RFC 9110, 15.5.22), and that this header is for this connection alone (7.8).
    response.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return response


class AiSdkConnection(ProjectedConnection):
    """One socket. Its client may be identified by its first frame, which may be as large as any."""

    __slots__ = ("_address", "_dialect")

    def __init__(self, services: Services, websocket: WebSocket, identity: SocketIdentity, dialect: Dialect) -> None:
        self._dialect = dialect
        self._address = address(websocket)
        super().__init__(services, websocket, identity)

    def _new_projected_commands(self, websocket: WebSocket) -> AiSdkCommands:
        origin: str = websocket.scope.get(ORIGIN, "")
        stream = enter_stream(self._services, websocket)
        return AiSdkCommands(
            self._services, self._dialect, self._identity, origin, self._viewer, stream, self._send_json
        )

    async def _wait_for_hello(self) -> bool:
        """Wait for the first valid frame, whose memory counts as that of the client's address."""
        owner = anonymous(self._address)
        reservation = self._services.hub.prompts.reserve(owner.id, owner.address)
        try:
            if self._direct_writer is not None:
                self._limit_messages(self._direct_writer, reservation)
            return await super()._wait_for_hello()
        finally:
            reservation.release()

    def _limit_messages(self, writer: Writer, reservation: PromptReservation) -> None:
        if (reader := message_reader(writer)) is not None:
            reader.limit_messages(self._services.max_body_bytes, reservation)

    def _max_hello_bytes(self) -> int:
        return self._services.max_body_bytes

    def _hello_name(self) -> str:
        return "frame with a valid key"
