"""What callers need of a response: its status, headers and body, and the connection that it uses."""

from collections.abc import Mapping
from typing import Protocol

import aiohttp
from aiohttp.connector import Connection


class HttpResponse(Protocol):
    """A response whose headers have been read. aiohttp's own is one, too."""

    content: aiohttp.StreamReader
    """Its body."""

    @property
    def status(self) -> int:
        """Return its status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return its headers, whose names may be looked up in any case."""
        ...

    @property
    def connection(self) -> Connection | None:
        """Return its connection; None once the body has been read to its end, or the response was closed."""
        ...

    def close(self) -> None:
        """Close the connection, unless it is that of another request already."""
        ...


class PostResponse:
    """The response to a `PreparedPost`. It returns its connection to the pool at the end of its body.

    `aiohttp.ClientResponse` also keeps the request, cookies, a timer, and a task that sends the body.
    """

    __slots__ = ("connection", "content", "headers", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str], content: aiohttp.StreamReader, connection: Connection
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.connection: Connection | None = connection
        if status != 101:
            # What follows the response to an upgrade is not HTTP.
            content.on_eof(self._on_eof)

    def close(self) -> None:
        """See `HttpResponse.close`."""
        connection, self.connection = self.connection, None
        if connection is not None:
            # The body refers to this response until it ends, and this response to the body.
            self.content.set_exception(aiohttp.ClientConnectionError("Connection closed"))
            connection.close()

    def _on_eof(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.release()
