"""Requests to one gateway: its address, its token, its timeouts, and errors of the network as ConnectionLost."""

import inspect
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohappyeyeballs import AddrInfoType
from yarl import URL

from gateway.client.frames import ConnectionLost, refusal_of_response
from gateway.protocol.errors import Refused, invalid

Token = str | Callable[[], str | Awaitable[str]]
"""A key or token, or a function that returns one. The function is called for each connection and command."""

SocketFactory = Callable[[AddrInfoType], socket.socket]

MAX_FRAME_BYTES: Final = 65 << 20
"""Maximum bytes of one event: a part may carry what one event of a provider did (`max_event_bytes`, up to 64 MiB)."""

CLOSE_S: Final = 1.0
"""Seconds to wait for the gateway's close frame."""


@dataclass(frozen=True, slots=True, repr=False)
class HttpSettings:
    """How to reach a gateway. Times are in seconds."""

    url: URL
    token: Token | None
    headers: Mapping[str, str]
    connect_s: float
    idle_s: float
    ssl_context: ssl.SSLContext | None


class HttpSession:
    """Sends requests to one gateway, each with its token. Must be built in a running event loop.

    `socket_factory` opens its sockets in place of the standard library, for measurements.
    """

    def __init__(self, settings: HttpSettings, socket_factory: SocketFactory | None = None) -> None:
        self.url = settings.url
        self.idle_s = settings.idle_s
        self._token = settings.token
        timeout = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=settings.connect_s, sock_read=settings.idle_s
        )
        # No limit on connections: each answer holds one for as long as it streams.
        connector = aiohttp.TCPConnector(limit=0, ssl=settings.ssl_context or True, socket_factory=socket_factory)
        self._session = aiohttp.ClientSession(connector=connector, headers=settings.headers, timeout=timeout)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request and return its response, of any status. Redirects are not followed.

        Raises:
            ConnectionLost: if there is no response.
        """
        authorization = await self._authorization()
        with translate_errors(self.url):
            return await self._session.request(
                method,
                self.url / path,
                params=query,
                data=data,
                headers={**authorization, **(headers or {})},
                allow_redirects=False,
            )

    async def open_socket(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket.

        Raises:
            Refused: if the gateway refuses it.
            ConnectionLost: if there is no response.
        """
        authorization = await self._authorization()
        with translate_errors(self.url):
            try:
                return await self._session.ws_connect(
                    self.url / path,
                    headers=authorization,
                    protocols=("dualstream.v1",),
                    # aiohttp waits half a heartbeat for the pong: 2/3 idle and 1/3 for the pong make `idle_s`.
                    heartbeat=self.idle_s * 2 / 3,
                    max_msg_size=MAX_FRAME_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                )
            except aiohttp.WSServerHandshakeError as error:
                retry_after = error.headers.get("Retry-After") if error.headers else None
                raise refusal_of_response(error.status, b"", retry_after) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _authorization(self) -> Mapping[str, str]:
        if self._token is None:
            return {}
        token: object = self._token
        if not isinstance(self._token, str):
            given = self._token()
            token = await given if inspect.isawaitable(given) else given
        return {"Authorization": f"Bearer {check_token(token)}"}


def basic_authorization(url: URL) -> Mapping[str, str]:
    """Return the header for the user and password of an address, if it has one."""
    if url.user is None:
        return {}
    credentials = f"{url.user}:{url.password or ''}".encode()
    return {"Authorization": f"Basic {b64encode(credentials).decode()}"}


def check_token(token: object) -> str:
    """Return a token that can be sent in a header.

    Raises:
        Refused: if it can't. The message does not contain it.
    """
    if isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token:
        return token
    message = "token: a token is a non-empty text of visible ASCII characters: check for a line break or a space."
    raise invalid(message, param="token")


@contextmanager
def translate_errors(url: URL) -> Iterator[None]:
    """Translate exceptions of aiohttp and of the operating system into ConnectionLost.

    Raises:
        ConnectionLost: in their place.
    """
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        message = f"{url} can't be reached: {_reason(error)}"
        raise ConnectionLost(message) from error
    except TimeoutError as error:
        message = f"no data from {url} for too long"
        raise ConnectionLost(message) from error
    except (aiohttp.ClientError, OSError) as error:
        message = f"the connection to {url} was lost"
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
