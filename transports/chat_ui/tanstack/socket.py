"""The WebSocket of TanStack AI: `/api/tanstack` as a socket.

A socket of a conversation carries its runs, one after the other or side by side, and stays open. One with an `offset`
reads a run after the events that its client has, and is closed at its end, as clients expect (`webSocket` of
@tanstack/ai-client).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from starlette.websockets import WebSocket

from gateway.api.middleware.auth import check_origin
from gateway.api.services import Services
from gateway.api.streams import claim_stream, enter_stream
from gateway.asgi import defer
from gateway.dialects.tanstack.dialect import TanStackDialect
from gateway.dialects.tanstack.event_ids import FROM_THE_START
from gateway.generation.event_log import Entry
from gateway.protocol.errors import CODES, Refused
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal
from transports.chat_ui.tanstack.commands import TanStackCommands, error_event
from transports.chat_ui.tanstack.runs import Resumed, TanStackRuns
from transports.handshake import SocketIdentity, close_reason, handshake_principal
from transports.projected.socket import ProjectedConnection, offered_subprotocol
from transports.websocket_commands import Close

_AT_THE_END: Final = Close(1000, "The run is over.")
"""Any other code is a lost connection to a client that has joined a run."""


def socket_endpoint(
    services: Services, dialect: TanStackDialect, runs: TanStackRuns
) -> Callable[[WebSocket], Awaitable[None]]:
    """Return the endpoint of the route."""

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept(offered_subprotocol(websocket))
        offset = websocket.query_params.get("offset")
        try:
            principal, origin = await _admit(services, websocket)
            run_id = websocket.query_params.get("runId", "")
            resumed = await runs.resumed(offset, run_id, "offset", principal) if offset else None
        except Refused as refused:
            if offset != FROM_THE_START:
                # A client that has lost its connection would try again; one that joins a run takes no for an answer.
                await websocket.send_json(error_event(dialect, refused, websocket.query_params))
            await websocket.close(CODES[refused.code].close_code, close_reason(refused))
            return
        identity = SocketIdentity(services.authenticator, origin, principal)
        connection = _TanStackConnection(services, websocket, identity, dialect, runs, resumed)
        await defer(websocket.scope, websocket.receive, websocket.send, connection.serve)

    return serve


async def _admit(services: Services, websocket: WebSocket) -> tuple[Principal, str]:
    """Return who opens a socket, and the origin of its page; the socket is counted among the streams.

    Raises:
        Refused: the socket must not be opened.
    """
    origin = check_origin(services, websocket)
    ticket = websocket.query_params.get("ticket")
    if ticket and "authorization" not in websocket.headers:
        principal: Principal | None = await services.authenticator.redeem_ticket(ticket, "socket", origin)
    else:
        principal = await handshake_principal(services, websocket, origin)
    if principal is None:
        raise missing_credential()
    claim_stream(services, enter_stream(services, websocket), principal)
    return principal, origin


class _TanStackConnection(ProjectedConnection):
    """One socket."""

    __slots__ = ("_dialect", "_is_over", "_resumed", "_runs", "_tanstack")

    _tanstack: TanStackCommands

    def __init__(
        self,
        services: Services,
        websocket: WebSocket,
        identity: SocketIdentity,
        dialect: TanStackDialect,
        runs: TanStackRuns,
        resumed: Resumed | None,
    ) -> None:
        self._dialect = dialect
        self._runs = runs
        self._resumed = resumed
        self._is_over = asyncio.Event()
        super().__init__(services, websocket, identity)

    def _new_projected_commands(self, websocket: WebSocket) -> TanStackCommands:
        self._tanstack = TanStackCommands(
            *(self._services, self._dialect, self._runs, websocket.headers, self._identity, self._viewer),
            self._send_json,
        )
        return self._tanstack

    async def _serve(self) -> None:
        """Serve; a socket that resumes a run is closed at its end."""
        closing = asyncio.ensure_future(self._close_at_end())
        try:
            if self._resumed is not None:
                self._tanstack.go_on(self._resumed)
            await super()._serve()
        finally:
            closing.cancel()
            with suppress(asyncio.CancelledError):
                await closing
            del self._tanstack, self._resumed

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return the messages of an entry."""
        frame = super().frame(generation_id, entry)
        if self._tanstack.is_over and (self._writer.raw or not frame):
            # It is written in this very call stack.
            self._is_over.set()
        return frame

    async def _send_messages(self, messages: Sequence[bytes]) -> None:
        await super()._send_messages(messages)
        if self._tanstack.is_over:
            self._is_over.set()

    async def _close_at_end(self) -> None:
        await self._is_over.wait()
        await self._close(_AT_THE_END)
