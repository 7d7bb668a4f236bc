"""How a WebSocket begins: the subprotocol, and by what its client is known before its first command."""

from typing import Final

from starlette.websockets import WebSocket

from gateway.api.middleware.auth import authenticate, check_origin, read_credential
from gateway.api.services import Services
from gateway.protocol.commands import HelloCommand
from gateway.protocol.errors import CODES, Code, Refused
from gateway.security.authenticator import Authenticator
from gateway.security.principals import Principal

SUBPROTOCOL: Final = "dualstream.v1"

TICKET_SUBPROTOCOL: Final = "dualstream.ticket."
"""Before a ticket, the one thing that a page can send with its handshake. It is never the one that is chosen."""

HELLO_SECONDS: Final = 5.0
"""How long a client that showed nothing may take to say who it is."""

HELLO_BYTES: Final = 16 * 1024
"""What a client that is not known may send at once."""


class SocketIdentity:
    """Whose a socket is. `principal` is None until a hello says so; `origin` is that of its handshake."""

    def __init__(self, authenticator: Authenticator, origin: str, principal: Principal | None) -> None:
        self.principal = principal
        self._authenticator = authenticator
        self._origin = origin

    def renew(self) -> Principal | None:
        """Give whose it is now; None if it is not known yet.

        Raises:
            Refused: `auth_error`: what it was known by is not good any more.
        """
        if self.principal is not None:
            self.principal = self._authenticator.renew(self.principal)
        return self.principal

    async def hello(self, command: HelloCommand) -> None:
        """Learn whose the socket is, or that it is whose it was, by something newer.

        Raises:
            Refused: `auth_error`, or `forbidden`: it is another's.
        """
        if command.ticket is not None:
            asking = self._authenticator.redeem_ticket(command.ticket.get_secret_value(), "socket", self._origin)
        elif self._authenticator.allows_anonymous:
            return
        else:
            asking = await self._authenticator.verify_credential(
                None if command.token is None else command.token.get_secret_value()
            )
        before = self.principal
        # An address is what stood for it before the gateway got keys.
        if before is not None and before.source != "address" and before.id != asking.id:
            message = "This socket is another principal's: open one of your own."
            raise Refused(Code.FORBIDDEN, message, param="token")
        self.principal = asking


def close_reason(refused: Refused) -> str:
    """Give as much of why as goes with a close code: 123 bytes (RFC 6455, 5.5.1)."""
    return refused.message.encode()[:123].decode(errors="ignore")


async def shake_hands(services: Services, websocket: WebSocket) -> SocketIdentity | None:
    """Accept a socket and tell what is known of its client; None if it was refused, and closed."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    try:
        origin = check_origin(services, websocket)
        return SocketIdentity(services.authenticator, origin, await _principal(services, websocket, offered, origin))
    except Refused as refused:
        # Only after accepting: a browser can read a close code, but not the status of a failed handshake.
        await websocket.close(CODES[refused.code].close_code, close_reason(refused))
        return None


async def _principal(services: Services, websocket: WebSocket, offered: list[str], origin: str) -> Principal | None:
    """Give whose it is by what came with the handshake; None if that was nothing, and something is needed."""
    ticket = next((one for one in offered if one.startswith(TICKET_SUBPROTOCOL)), None)
    if ticket is not None and "authorization" not in websocket.headers:
        return services.authenticator.redeem_ticket(ticket.removeprefix(TICKET_SUBPROTOCOL), "socket", origin)
    shown = read_credential(services, websocket)
    if shown is None and not services.authenticator.allows_anonymous:
        return None
    return await authenticate(services, websocket, shown)
