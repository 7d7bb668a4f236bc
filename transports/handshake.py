"""The WebSocket handshake: the subprotocol, and how a client is identified before its first command."""

from typing import Final

from starlette.websockets import WebSocket

from gateway.api.middleware.auth import authenticate, check_origin, count_refusal, read_credential
from gateway.api.services import Services
from gateway.protocol.commands import HelloCommand
from gateway.protocol.errors import CODES, Code, Refused
from gateway.security.authenticator import Authenticator, missing_hello
from gateway.security.principals import Principal

SUBPROTOCOL: Final = "dualstream.v1"

TICKET_SUBPROTOCOL: Final = "dualstream.ticket."
"""Prefix of a ticket among the offered subprotocols, the one thing a page can add to its handshake. Never selected."""

HELLO_SECONDS: Final = 5.0
"""How long a client without a credential in its handshake may take to send a hello."""

HELLO_BYTES: Final = 16 * 1024
"""Maximum bytes of a message from a client that is not identified yet."""


class SocketIdentity:
    """The principal of a socket; None until a hello identifies it. `origin` is that of the handshake."""

    def __init__(self, authenticator: Authenticator, origin: str, principal: Principal | None) -> None:
        self.principal = principal
        self._authenticator = authenticator
        self._origin = origin

    @property
    def address(self) -> str:
        """Return the address of the client; "" until it is identified."""
        return "" if self.principal is None else self.principal.address

    def renew(self) -> Principal | None:
        """Return the principal as it is now; None if the client is not identified yet.

        Raises:
            Refused: `auth_error`: its credential is no longer valid.
        """
        if self.principal is not None:
            self.principal = self._authenticator.renew(self.principal)
        return self.principal

    async def identify(self, command: HelloCommand) -> None:
        """Identify the client, or renew its identity by a newer credential.

        Raises:
            Refused: `auth_error`, or `forbidden`: the credential is that of another principal.
        """
        if command.ticket is not None:
            ticket = command.ticket.get_secret_value()
            principal = await self._authenticator.redeem_ticket(ticket, "socket", self._origin)
        elif self._authenticator.allows_anonymous:
            return
        else:
            if command.token is None:
                raise missing_hello()
            principal = await self._authenticator.verify_credential(command.token.get_secret_value())
        before = self.principal
        # A principal known by its address comes from before a reload that added keys: it may be anyone's.
        if before is not None and before.source != "address" and before.id != principal.id:
            message = "This socket belongs to another principal: open another one."
            raise Refused(Code.FORBIDDEN, message, param="token")
        self.principal = principal


def close_reason(refused: Refused) -> str:
    """Return the message of a refusal, cut to the 123 bytes of a close frame's reason (RFC 6455, 5.5.1)."""
    return refused.message.encode()[:123].decode(errors="ignore")


async def shake_hands(services: Services, websocket: WebSocket) -> SocketIdentity | None:
    """Accept a socket and return what is known of its client; None if it was refused, and closed."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    try:
        origin = check_origin(services, websocket)
        return SocketIdentity(services.authenticator, origin, await handshake_principal(services, websocket, origin))
    except Refused as refused:
        count_refusal(services, refused)
        # Refused only after accepting: a browser can read a close code, but not the status of a failed handshake.
        await websocket.close(CODES[refused.code].close_code, close_reason(refused))
        return None


async def handshake_principal(services: Services, websocket: WebSocket, origin: str) -> Principal | None:
    """Return the principal of the credential in a handshake; None if there is none, and one is needed.

    Raises:
        Refused: `auth_error`: the credential is not valid.
    """
    offered: list[str] = websocket.scope.get("subprotocols", [])
    ticket = next((protocol for protocol in offered if protocol.startswith(TICKET_SUBPROTOCOL)), None)
    if ticket is not None and "authorization" not in websocket.headers:
        return await services.authenticator.redeem_ticket(ticket.removeprefix(TICKET_SUBPROTOCOL), "socket", origin)
    presented = read_credential(services, websocket)
    if presented is None and not services.authenticator.allows_anonymous:
        return None
    return await authenticate(services, websocket, presented)
