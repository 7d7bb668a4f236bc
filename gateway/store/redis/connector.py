"""Open connections to servers of a Redis deployment, with its credentials and TLS."""

import asyncio
import socket
import ssl
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, TypedDict

from redis.asyncio.connection import Connection, RedisSSLContext, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.clock import Clock
from gateway.store.errors import StoreError
from gateway.store.redis.address import Credentials, Host, RedisAddress, Tls, format_host
from gateway.store.redis.connection import OpenedConnection, RedisConnection
from gateway.store.redis.errors import translate

CLIENT_NAME: Final = "dualstream"
"""How connections are named in CLIENT LIST."""


class Open(Protocol):
    """Opens a connection to one server, which may be another one each time: the primary of a service, say."""

    async def __call__(self) -> RedisConnection:
        """Return a connection that is logged in.

        Raises:
            StoreError: it can't be opened.
        """
        ...


class _Options(TypedDict):
    db: int
    username: str | None
    password: str | None
    socket_timeout: None
    socket_connect_timeout: None
    retry: Retry
    client_name: str
    driver_info: None
    protocol: int


class Connector:
    """Opens connections. Time limits and retries are the caller's.

    redis-py has its own; they are off. On Python 3.11 its time limit may swallow a cancellation, and any that is
    shorter than a blocking read breaks that.
    """

    def __init__(self, address: RedisAddress, clock: Clock) -> None:
        self._address = address
        self._clock = clock

    async def open(self, host: Host) -> RedisConnection:
        """Return a connection to a server that is logged in.

        Raises:
            StoreError: it can't be opened.
        """
        return await self._open(host, _options(self._address.credentials, self._address.db))

    async def open_sentinel(self, host: Host) -> RedisConnection:
        """Return a connection to a Sentinel, which has its own users.

        Raises:
            StoreError: it can't be opened.
        """
        return await self._open(host, _options(self._address.sentinel_credentials, 0))

    async def open_socket(self) -> RedisConnection:
        """Return a connection to the Unix socket of the address that is logged in.

        Raises:
            StoreError: it can't be opened.
        """
        address = self._address
        options = _options(address.credentials, address.db)
        return await self._connect(UnixDomainSocketConnection(path=address.socket_path, **options), address.socket_path)

    async def _open(self, host: Host, options: _Options) -> RedisConnection:
        name, port = host
        await _resolve(host)
        tls = self._address.tls
        if tls is None:
            connection = Connection(host=name, port=port, socket_keepalive=True, **options)
            return await self._connect(connection, format_host(host))
        connection = SSLConnection(host=name, port=port, socket_keepalive=True, **options)
        # One for all connections: to read the certificates takes milliseconds.
        connection.ssl_context = self._tls_context
        try:
            return await self._connect(connection, format_host(host))
        except StoreError as error:
            if error.fault != "unreachable" or tls.certificate_file:
                raise
            raise _with_hint(error) from error

    async def _connect(self, connection: OpenedConnection, where: str) -> RedisConnection:
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            return RedisConnection(connection, self._clock)
        except RedisError as error:
            raise translate(error, where) from error
        except BaseException:
            # Cancelled, by a time limit for example.
            await connection.disconnect(nowait=True)
            raise

    @cached_property
    def _tls_context(self) -> RedisSSLContext:
        return _tls_context(self._address.tls or Tls())


async def _resolve(host: Host) -> None:
    """Find an address of a host, as opening the connection will do again.

    If that were cut off while it resolves the name, uvloop would log its error later.

    Raises:
        StoreError: there is none.
    """
    try:
        await asyncio.get_running_loop().getaddrinfo(*host, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        message = f"Redis at {format_host(host)} can't be reached: no address is known for this host name"
        raise StoreError("unreachable", message) from error


def _with_hint(error: StoreError) -> StoreError:
    """Add what a server with TLS 1.3 tells only after the handshake, when the connection often is gone already."""
    hint = "if it requires a certificate of the client, add ?ssl_certfile=FILE&ssl_keyfile=FILE"
    return StoreError(error.fault, f"{error.message}; {hint}") if "reset" in error.message.lower() else error


def _tls_context(tls: Tls) -> RedisSSLContext:
    """Read the certificates.

    Raises:
        StoreError: a file can't be read, or is none.
    """
    names = {"ssl_ca_certs": tls.ca_file, "ssl_certfile": tls.certificate_file, "ssl_keyfile": tls.key_file}
    for name, file in names.items():
        try:
            if file:
                Path(file).read_bytes()
        except OSError as error:
            raise StoreError("refused", f"{name}={file} can't be read: {error.strerror}") from error
    context = RedisSSLContext(
        keyfile=tls.key_file or None,
        certfile=tls.certificate_file or None,
        cert_reqs="required",
        ca_certs=tls.ca_file or None,
        check_hostname=tls.check_hostname,
    )
    try:
        context.get()
    except (ssl.SSLError, ValueError) as error:
        expected = "the files of ssl_ca_certs, ssl_certfile and ssl_keyfile must be a CA, a certificate and its key"
        raise StoreError("refused", f"{expected}: {error}") from error
    return context


def _options(credentials: Credentials, db: int) -> _Options:
    return {
        "db": db,
        "username": credentials.username or None,
        "password": credentials.password or None,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "client_name": CLIENT_NAME,
        # One exchange less for each connection.
        "driver_info": None,
        "protocol": 2,
    }
