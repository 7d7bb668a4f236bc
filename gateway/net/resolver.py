"""Resolve host names as all other programs of this machine do, without one name that holds up another."""

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

_NOT_IN_CONFIGURED_FAMILIES = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""Errors of a name without an address in the families that this machine has configured (AI_ADDRCONFIG)."""


class ThreadResolver(AbstractResolver):
    """Resolver that calls getaddrinfo(3), each call in a thread of its own.

    getaddrinfo is what reads /etc/hosts, nsswitch.conf, search domains, mDNS and the DNS servers of docker or a VPN; a
    DNS library (c-ares, aiodns) knows only some of them. It can't be cancelled, and takes as long as resolv.conf says:
    10 s for each dead server, and more with search domains. uvloop runs it in a pool of libuv, with two threads for
    such work: two dead names hold up all others (libuv, `uv__work_submit`, "slow I/O"). A connector asks for each name
    once at a time (`TCPConnector._resolve_host`), which bounds the number of threads. They are daemon threads: the
    process does not wait for them at its end.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: it has none (`socket.gaierror`), or no thread can be started.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def run() -> None:
            try:
                report: Callable[[], None] = partial(_set_result, found, _look_up(host, port, family))
            except OSError as error:
                report = partial(_set_error, found, error)
            except UnicodeError:
                # The codec of host names raises it for a label of more than 63 characters, or an empty one.
                report = partial(_set_error, found, socket.gaierror(socket.EAI_NONAME, "not a host name"))
            # RuntimeError: the event loop has been closed meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(report)

        try:
            threading.Thread(target=run, name=f"resolve {host}", daemon=True).start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, "no thread can be started to resolve a name") from error
        return await found

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except socket.gaierror as error:
        if error.errno not in _NOT_IN_CONFIGURED_FAMILIES:
            raise
        # A machine whose only IPv6 address is ::1 has that family not "configured", and may still use the name.
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [_result(host, port, *entry) for entry in found]


def _result(
    host: str, port: int, family: int, _kind: int, proto: int, _name: str, address: tuple[object, ...]
) -> ResolveResult:
    numeric = str(address[0])
    if family == socket.AF_INET6 and address[3]:
        # A link-local address means nothing without its interface: "fe80::1%eth0".
        numeric, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)  # type: ignore[arg-type]
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=numeric, port=port, family=family, proto=proto, flags=flags)


def _set_result(found: asyncio.Future[list[ResolveResult]], addresses: list[ResolveResult]) -> None:
    if not found.done():
        found.set_result(addresses)


def _set_error(found: asyncio.Future[list[ResolveResult]], error: OSError) -> None:
    if not found.done():
        found.set_exception(error)
