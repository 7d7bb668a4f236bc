"""Interfaces that each transport of the client implements, and commands by POST, which work with every transport."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

import aiohttp
import orjson
from yarl import URL

from gateway.client.frames import ConnectionLost, Frame, JsonMap, read_object, refusal_of_response
from gateway.protocol.errors import Refused

TransportName = Literal["sse", "ws"]
CommandName = Literal["interrupt", "feedback"]

MAX_FRAME_BYTES = 65 << 20
"""Maximum bytes of one event: a part may carry what one event of a provider did (`max_event_bytes`, up to 64 MiB)."""


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

    async def attach(self, generation_id: str, after: int) -> EventFeed:
        """Read a generation after a sequence number. Raises the errors of `EventFeed.next`."""
        ...


@contextmanager
def translate_errors(base: URL) -> Iterator[None]:
    """Translate exceptions of aiohttp and of the operating system into ConnectionLost.

    Raises:
        ConnectionLost: in their place.
    """
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        message = f"{base} can't be reached: {_reason(error)}"
        raise ConnectionLost(message) from error
    except TimeoutError as error:
        message = f"no data from {base} for too long"
        raise ConnectionLost(message) from error
    except (aiohttp.ClientError, OSError) as error:
        message = f"the connection to {base} was lost"
        raise ConnectionLost(message) from error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Return why there is no connection. Only the numbers of the operating system have its texts."""
    cause = error.os_error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"its name can't be resolved ({cause.strerror})"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not accepted: {getattr(cause, 'verify_message', '') or cause}"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"TLS failed ({getattr(cause, 'reason', '') or cause}): does it speak https at this port?"
    return os.strerror(cause.errno) if cause.errno else str(cause)


async def read_refusal(response: aiohttp.ClientResponse) -> Refused:
    """Read the refusal in a response's body, and close the response."""
    try:
        return refusal_of_response(response.status, await response.read(), response.headers.get("Retry-After"))
    finally:
        response.close()


class HttpCommands:
    """Sends commands by POST, one request each."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self._session = session
        self._base = base

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Implement `Commands.command`.

        Raises:
            Refused: if the gateway does not execute it.
            ConnectionLost: if the connection broke.
        """
        url = self._base / "api/generations" / generation_id / name
        headers = {"Content-Type": "application/json"}
        with translate_errors(self._base):
            async with self._session.post(
                url, data=orjson.dumps(fields), headers=headers, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    raise await read_refusal(response)
                body = await response.read()
        return read_object(body) if body else {}
