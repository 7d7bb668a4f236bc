"""A POST to one address with the same headers each time: only its body differs, and is sent with its head in one write.

`aiohttp.ClientSession` builds each request from nothing (URL, headers, cookies, proxy, timer, payload), and writes the
body in a task of its own, which on Python 3.11 runs in the next turn of the event loop. Here aiohttp builds the request
once, and what it would send is kept, but for the length of the body. The pool, the connection, the parser and the
response are aiohttp's.
"""

from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http import StreamWriter
from aiohttp.http_writer import _serialize_headers
from yarl import URL

MAX_BODY_BYTES: Final = 32 * 1024
"""Longest body that is sent in one write: together with its head less than the 64 KiB that transports buffer."""

_LENGTH: Final = b"\r\nContent-Length: "


class PreparedPost:
    """A request that follows no redirects, over a session without cookies, traces, and timeouts but of its connector.

    `max_header_bytes` limits each header of a response, which is not decompressed.
    """

    __slots__ = ("_head", "_headers_after", "_info", "_max_header_bytes", "_request", "_session", "_timer")

    def __init__(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], max_header_bytes: int
    ) -> None:
        """Build the request.

        Raises:
            ValueError: a header has a line break, or another character that is not allowed.
        """
        self._session = session
        self._max_header_bytes = max_header_bytes
        self._timer = TimerNoop()
        # An empty body, not none: aiohttp then adds the same headers as to any other.
        self._request = aiohttp.ClientRequest("POST", url, headers=headers, data=b"", session=session)
        self._info = self._request.request_info
        head = _serialize_headers(f"POST {self._request.url.raw_path_qs} HTTP/1.1", self._request.headers)
        before, _, after = head.partition(_LENGTH + b"0")
        self._head, self._headers_after = before + _LENGTH, after

    @staticmethod
    def is_possible(url: URL) -> bool:
        """Return True if a request to a URL can be prepared: aiohttp sends a password in it as a header."""
        return url.scheme in {"http", "https"} and bool(url.raw_host) and url.raw_user is None and not url.raw_password

    async def send(self, body: bytes) -> aiohttp.ClientResponse:
        """Send the request, and return the response when its headers are read.

        Raises:
            aiohttp.ClientError: There is no response, or it is not valid HTTP.
        """
        connection = await self._connect()
        try:
            return await self._send(connection, body)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError) and not isinstance(error, aiohttp.ClientError | TimeoutError):
                raise aiohttp.ClientOSError(*error.args) from error
            raise

    async def _connect(self) -> Connection:
        """Return a connection of the pool, or a new one."""
        connector = self._session.connector
        if connector is None or connector.closed:
            message = "Session is closed"
            raise RuntimeError(message)
        try:
            return await connector.connect(self._request, [], self._session.timeout)
        except TimeoutError as error:
            message = f"Connection timeout to host {self._request.url}"
            raise aiohttp.ConnectionTimeoutError(message) from error
        except aiohttp.ClientError:
            raise
        except OSError as error:
            raise aiohttp.ClientOSError(*error.args) from error

    async def _send(self, connection: Connection, body: bytes) -> aiohttp.ClientResponse:
        """Write the request to a connection, and read the headers of its response."""
        request, protocol = self._request, connection.protocol
        assert protocol is not None  # noqa: S101 - of a connection that was just taken
        protocol.set_response_params(
            timer=self._timer,
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=self._max_header_bytes,
            max_field_size=self._max_header_bytes,
        )
        writer = StreamWriter(protocol, request.loop)
        await writer.write(b"%b%d%b%b" % (self._head, len(body), self._headers_after, body), drain=False)
        response = aiohttp.ClientResponse(
            "POST",
            request.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self._info,
            traces=[],
            loop=request.loop,
            session=self._session,
            stream_writer=writer,
        )
        try:
            return await response.start(connection)
        except BaseException:
            response.close()
            raise
