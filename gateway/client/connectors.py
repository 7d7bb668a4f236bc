"""Interfaces that each transport of the client implements, and commands by POST, which work with every transport."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import orjson

from gateway.client.frames import Frame, JsonMap, read_object
from gateway.client.http_session import HttpSession, read_refusal, translate_errors

TransportName = Literal["sse", "ws", "poll"]
"""Names of the transports. Each has a connector in `CONNECTORS` of gateway/client/client.py."""

CommandName = Literal["interrupt", "feedback"]


class Commands(Protocol):
    """Sends commands to generations."""

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Send a command and return the gateway's reply.

        Raises:
            Refused: if the gateway does not execute it.
            ConnectionLost: if the connection broke: the command may or may not have been executed.
        """
        ...


class EventFeed(Commands, Protocol):
    """One connection that delivers the events of one generation."""

    async def next(self) -> Frame | None:
        """Wait for the next frame and return it; return None if the generation has ended and nothing follows.

        It may be cancelled without losing a frame.

        Raises:
            ConnectionLost: if the connection can't be used any more; attach again.
            Refused: if the gateway ended it with an error code.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection. A pending `next` then raises ConnectionLost."""


class Connector(Protocol):
    """Opens connections on one transport."""

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Start a generation, or attach to the one that this key has started. Raises the errors of `EventFeed.next`."""
        ...

    async def attach(self, generation_id: str, after: int, coalesce_ms: int | None = None) -> EventFeed:
        """Read a generation after a sequence number. Raises the errors of `EventFeed.next`.

        `coalesce_ms` is for how long the gateway joins text for this reader; None: as the start says.
        """
        ...


ConnectorFactory = Callable[[HttpSession], Connector]
Connectors = Mapping[TransportName, ConnectorFactory]


def check_transport(name: str, known: Mapping[TransportName, object]) -> None:
    """Raise ValueError if there is no transport of this name."""
    if name not in known:
        message = f"transport: {name!r} is unknown; use one of: {', '.join(known)}"
        raise ValueError(message)


class HttpCommands:
    """Sends commands by POST, one request each."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Implement `Commands.command`.

        Raises:
            Refused: if the gateway does not execute it.
            ConnectionLost: if the connection broke.
        """
        path, headers = f"api/generations/{generation_id}/{name}", {"Content-Type": "application/json"}
        response = await self._http.request("POST", path, headers=headers, data=orjson.dumps(fields))
        with translate_errors(self._http.url):
            async with response:
                if response.status >= 300:
                    raise await read_refusal(response)
                body = await response.read()
        return read_object(body) if body else {}
