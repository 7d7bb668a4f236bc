"""The two sides of a transport, as the client sees them, and commands by POST, which serve every transport."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

import aiohttp
import orjson
from yarl import URL

from gateway.client.frames import ConnectionLost, Frame, JsonMap, read_object, refusal_of_answer
from gateway.protocol.errors import Refused

TransportName = Literal["sse", "ws"]
CommandName = Literal["interrupt", "feedback"]

LONGEST_FRAME = 32 << 20
"""Bytes of one event: a `gap` brings a whole text at once, and JSON may need six bytes for one of them."""


class Commands(Protocol):
    """Where commands to a generation go."""

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Send a command and give what was answered.

        Raises:
            Refused: when it is not carried out.
            CutError: when the connection broke, so that it may or may not have been carried out.
        """
        ...


class EventFeed(Commands, Protocol):
    """One connection that brings the events of one generation."""

    async def next(self) -> Frame | None:
        """Wait for the next frame; None when the generation is over and nothing follows.

        Raises:
            CutError: when the connection is of no more use; attach again.
            Refused: when the gateway ended it, and said why.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connection; a `next` that waits ends with CutError."""


class Connector(Protocol):
    """How generations are reached on one transport."""

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Start a generation, or attach to that which the key has started. Raises as `EventFeed.next`."""
        ...

    async def attach(self, generation_id: str, after: int) -> EventFeed:
        """View a generation after a sequence number. Raises as `EventFeed.next`."""
        ...


@contextmanager
def foreign_errors(base: URL) -> Iterator[None]:
    """Translate what the HTTP library and the operating system raise into CutError.

    Raises:
        CutError: in place of those.
    """
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        reason = os.strerror(error.os_error.errno) if error.os_error.errno else str(error.os_error)
        message = f"{base} can't be reached: {reason}"
        raise ConnectionLost(message) from error
    except TimeoutError as error:
        message = f"nothing came from {base} for too long"
        raise ConnectionLost(message) from error
    except (aiohttp.ClientError, OSError) as error:
        message = f"the connection to {base} was cut"
        raise ConnectionLost(message) from error


async def refused(response: aiohttp.ClientResponse) -> Refused:
    """Read the refusal that a response brings, and let go of the response."""
    try:
        return refusal_of_answer(response.status, await response.read(), response.headers.get("Retry-After"))
    finally:
        response.close()


class HttpCommands:
    """Commands by POST, one request each."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self._session = session
        self._base = base

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Send a command and give what was answered; as `Commands.command`.

        Raises:
            Refused: when it is not carried out.
            CutError: when the connection broke.
        """
        url = self._base / "api/generations" / generation_id / name
        headers = {"Content-Type": "application/json"}
        with foreign_errors(self._base):
            async with self._session.post(
                url, data=orjson.dumps(fields), headers=headers, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    raise await refused(response)
                body = await response.read()
        return read_object(body) if body else {}
