"""A POST to one address with the same headers each time: its body is sent with its head in one write.

`aiohttp.ClientSession` builds each request from nothing (URL, headers, cookies, proxy, timer, payload), and writes the
body in a task of its own, which on Python 3.11 runs in the next turn of the event loop. Here aiohttp builds the request
once, and what it would send is kept, but for the length of the body and what differs from call to call (a trace's
headers). The pool, the connection, the parser and the body of the response are aiohttp's.
"""

from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_writer import _serialize_headers
from multidict import CIMultiDict
from yarl import URL

from gateway.net.http_response import PostResponse

MAX_BODY_BYTES: Final = 32 * 1024
"""Longest body that is sent in one write: together with its head less than the 64 KiB that transports buffer."""

_LENGTH: Final = b"\r\nContent-Length: "


class PreparedPost:
    """A request that follows no redirects, over a session without cookies, traces, and timeouts but of its connector.

    `max_header_bytes` limits each header of a response, which is not decompressed.
    """

    __slots__ = (
        "_connector",
        "_headers_after",
        "_headers_before",
        "_max_header_bytes",
        "_request",
        "_timeout",
        "_timer",
    )

    def __init__(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], max_header_bytes: int
    ) -> None:
        """Build the request.

        Raises:
            ValueError: a header has a line break, or another character that is not allowed.
        """
        self._connector = session.connector
        self._timeout = session.timeout
        self._max_header_bytes = max_header_bytes
        self._timer = TimerNoop()
        # An empty body, not none: aiohttp then adds the same headers as to any other.
        self._request = aiohttp.ClientRequest("POST", url, headers=headers, data=b"", session=session)
        head = _serialize_headers(f"POST {self._request.url.raw_path_qs} HTTP/1.1", self._request.headers)
        self._headers_before, _, self._headers_after = head.partition(_LENGTH + b"0")

    @staticmethod
    def is_possible(url: URL) -> bool:
        """Return True if a request to a URL can be prepared: aiohttp sends a password in it as a header."""
        return url.scheme in {"http", "https"} and bool(url.raw_host) and url.raw_user is None and not url.raw_password

    async def send(self, body: bytes, headers: Mapping[str, str]) -> PostResponse:
        """Send the request with a body and further headers, and return the response when its headers are read.

        Raises:
            aiohttp.ClientError: There is no response, or it is not valid HTTP.
            ValueError: A header has a character that is not allowed.
        """
        others = _encode(headers) if headers else b""
        connection = await self._connect()
        try:
            protocol, transport = connection.protocol, connection.transport
            if protocol is None or transport is None or transport.is_closing():
                message = "Cannot write to closing transport"
                raise aiohttp.ClientConnectionResetError(message)
            protocol.set_response_params(
                timer=self._timer,
                read_until_eof=True,
                auto_decompress=False,
                max_line_size=self._max_header_bytes,
                max_field_size=self._max_header_bytes,
            )
            before, after = self._headers_before, self._headers_after
            transport.write(b"%b%b%b%d%b%b" % (before, others, _LENGTH, len(body), after, body))
            head, content = await protocol.read()
            while 100 <= head.code < 200 and head.code != 101:
                # Informational (RFC 9110, 15.2): the response is yet to come. 101 is the last one in HTTP.
                head, content = await protocol.read()
            return PostResponse(head.code, head.headers, content, connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, HttpProcessingError):
                raise aiohttp.ClientError(error.message) from error
            if isinstance(error, OSError) and not isinstance(error, aiohttp.ClientError | TimeoutError):
                raise aiohttp.ClientOSError(*error.args) from error
            raise

    async def _connect(self) -> Connection:
        """Return a connection of the pool, or a new one."""
        connector = self._connector
        if connector is None or connector.closed:
            message = "Session is closed"
            raise RuntimeError(message)
        try:
            return await connector.connect(self._request, [], self._timeout)
        except TimeoutError as error:
            message = f"Connection timeout to host {self._request.url}"
            raise aiohttp.ConnectionTimeoutError(message) from error
        except aiohttp.ClientError:
            raise
        except OSError as error:
            raise aiohttp.ClientOSError(*error.args) from error


def _encode(headers: Mapping[str, str]) -> bytes:
    """Return headers as they stand behind others, each behind a line end."""
    return _serialize_headers("", CIMultiDict(headers)).removesuffix(b"\r\n\r\n")
