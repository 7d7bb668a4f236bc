"""WebSocket mode of OpenAI's Responses API: `/v1/responses` as a socket.

Each message of the client creates a response, or steers one that runs; the events of all come on the one socket.
Source: platform.openai.com/docs/guides/websocket-mode.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.api.middleware.auth import check_origin
from gateway.api.model_api.responses.resource import PATH
from gateway.api.requests import request_id
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.api.streams import claim_stream, enter_stream
from gateway.asgi import defer
from gateway.dialects.base import Dialect
from gateway.dialects.statuses import retry_headers
from gateway.protocol.errors import CODES, Code, Refused, invalid
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal
from transports.handshake import SocketIdentity, close_reason, handshake_principal
from transports.model_api.responses.commands import ResponsesCommands
from transports.projected.socket import ProjectedConnection, offered_subprotocol

_UPGRADE: Final = {"Upgrade": "websocket", "Connection": "Upgrade"}
"""The protocol to upgrade to (RFC 9110, 15.5.22), and that this header is for this connection alone (7.8)."""


def socket_routes(services: Services, dialect: Dialect) -> Sequence[BaseRoute]:
    """Return the route of the WebSocket, and one that answers plain HTTP requests to it."""

    async def serve(websocket: WebSocket) -> None:
        try:
            principal, origin = await _admit(services, websocket)
        except Refused as refused:
            await _deny(websocket, dialect, refused)
            return
        await websocket.accept(offered_subprotocol(websocket))
        identity = SocketIdentity(services.authenticator, origin, principal)
        connection = ResponsesConnection(services, websocket, identity, dialect)
        await defer(websocket.scope, websocket.receive, websocket.send, connection.serve)

    return [WebSocketRoute(PATH, serve), Route(PATH, _require_upgrade, methods=["GET"])]


async def _admit(services: Services, websocket: WebSocket) -> tuple[Principal, str]:
    """Return who opens a socket, and the origin of its page; the socket is counted among the streams.

    Raises:
        Refused: the socket must not be opened.
    """
    if not services.responses_websocket:
        # Codex sends its requests over HTTP at once then; any other status, and it tries again for seconds.
        message = "This gateway serves /v1/responses over HTTP only (responses_websocket): send POST requests."
        raise invalid(message, param="Upgrade", status=426)
    origin = check_origin(services, websocket)
    principal = await handshake_principal(services, websocket, origin)
    if principal is None:
        raise missing_credential()
    claim_stream(services, enter_stream(services, websocket), principal)
    return principal, origin


async def _deny(websocket: WebSocket, dialect: Dialect, refused: Refused) -> None:
    """Answer a handshake with a status, as these clients expect; without that extension of ASGI, with a close code."""
    if "websocket.http.response" not in websocket.scope.get("extensions", {}):
        await websocket.accept(offered_subprotocol(websocket))
        await websocket.close(CODES[refused.code].close_code, close_reason(refused))
        return
    headers = {"Cache-Control": "no-store", "X-Request-ID": request_id(websocket), **retry_headers(refused)}
    if refused.retry_after_ms is not None:
        headers["Retry-After"] = str(-(-refused.retry_after_ms // 1000))
    if refused.code is Code.AUTH_ERROR:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(dialect.refusal(refused))
    await websocket.send_denial_response(
        Response(body, dialect.status(refused), headers, media_type="application/json")
    )


async def _require_upgrade(request: Request) -> Response:
    message = "This is a WebSocket, or POST: connect with a WebSocket client, or send a request body."
    response = refusal_response(invalid(message, param="Upgrade", status=426), request)
    response.headers.update(_UPGRADE)
    return response


class ResponsesConnection(ProjectedConnection):
    """One socket."""

    __slots__ = ("_dialect", "_responses")

    _responses: ResponsesCommands

    def __init__(self, services: Services, websocket: WebSocket, identity: SocketIdentity, dialect: Dialect) -> None:
        self._dialect = dialect
        super().__init__(services, websocket, identity)

    def _new_projected_commands(self, websocket: WebSocket) -> ResponsesCommands:
        self._responses = ResponsesCommands(
            *(self._services, self._dialect, websocket.headers, self._identity, self._viewer),
            *(self._send_json, self._close),
        )
        return self._responses

    async def _serve(self) -> None:
        """Serve, while requests that had to wait are started when those before them end."""
        queue = asyncio.ensure_future(self._responses.run_queue())
        queue.add_done_callback(lambda _: self._stop())
        try:
            await super()._serve()
        finally:
            queue.cancel()
            with suppress(asyncio.CancelledError):
                await queue
            del self._responses
