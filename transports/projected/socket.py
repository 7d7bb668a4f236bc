"""A WebSocket in a dialect: the events of one entry of a log are as many messages."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from starlette.types import Receive, Send
from starlette.websockets import WebSocket

from gateway.api.services import Services
from gateway.dialects.base import ProjectedEvent, Projection
from gateway.dialects.numbering import NumberedProjection
from gateway.generation.event_log import Entry
from gateway.protocol.events import TERMINAL
from transports.handshake import TICKET_SUBPROTOCOL, SocketIdentity
from transports.websocket_connection import Commands, WebSocketConnection, text_frame

KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
"""Prefix of a key among the offered subprotocols, as pages send it to OpenAI's sockets. Never selected."""


def offered_subprotocol(websocket: WebSocket) -> str | None:
    """Return the subprotocol to select: clients that offer some fail without one of them (WHATWG WebSockets)."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    secrets = (TICKET_SUBPROTOCOL, KEY_SUBPROTOCOL)
    return next((protocol for protocol in offered if not protocol.startswith(secrets)), None)


class ProjectedCommands(Commands, Protocol):
    """Executes the messages of one client, and knows what it reads."""

    def messages(self, generation_id: str, entry: Entry) -> Sequence[bytes]:
        """Return the messages that an entry of the log of a generation stands for: JSON, each on one line."""
        ...


class ProjectedConnection(WebSocketConnection):
    """One socket in a dialect. A subclass makes the commands (`_new_projected_commands`), which make the messages."""

    resumes = False

    __slots__ = ("_projected",)

    def __init__(self, services: Services, websocket: WebSocket, identity: SocketIdentity) -> None:
        super().__init__(services, websocket, identity)
        self.framing = ""

    def _new_projected_commands(self, websocket: WebSocket) -> ProjectedCommands:
        raise NotImplementedError

    def _new_commands(self, websocket: WebSocket) -> ProjectedCommands:
        self._projected = self._new_projected_commands(websocket)
        return self._projected

    async def serve(self, receive: Receive, send: Send) -> None:
        """See `WebSocketConnection.serve`."""
        try:
            await super().serve(receive, send)
        finally:
            # The commands hold a method of this object: a reference cycle.
            del self._projected

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return the messages of an entry."""
        messages = self._projected.messages(generation_id, entry)
        if not self._writer.raw:
            return b"\n".join(messages)
        # Joining would copy a single large event, such as an image, once more.
        return text_frame(messages[0]) if len(messages) == 1 else b"".join(map(text_frame, messages))

    async def _send_messages(self, messages: Sequence[bytes]) -> None:
        # JSON on one line: no message contains a line break.
        await super()._send_messages([line for message in messages for line in message.split(b"\n")])


class SocketStream:
    """One generation on a socket that may carry several: its numbered events, each in an envelope of the dialect.

    `envelope` returns the message of an event with its number, from 0 on; `end` the messages after the last event,
    given whether the projection ends it as a lost connection (`Projection.is_cut`). The first `skip` events are left
    out: its client has them.
    """

    def __init__(
        self,
        projection: Projection,
        envelope: Callable[[int, ProjectedEvent], bytes],
        end: Callable[[bool], Sequence[bytes]],
        *,
        skip: int = 0,
    ) -> None:
        self.is_over = False
        """Nothing follows, though the generation itself may go on (`Projection.is_cut`)."""
        self._projection = NumberedProjection(projection, skip)
        self._envelope = envelope
        self._end = end

    def messages(self, entry: Entry) -> Sequence[bytes]:
        """Return the messages that an entry of its log stands for."""
        if self.is_over:
            return ()
        events = self._projection.project(entry)
        first = self._projection.count - len(events)
        messages = [self._envelope(number, event) for number, event in enumerate(events, first)]
        is_cut = self._projection.is_cut
        self.is_over = is_cut or entry.kind in TERMINAL
        return [*messages, *self._end(is_cut)] if self.is_over else messages
