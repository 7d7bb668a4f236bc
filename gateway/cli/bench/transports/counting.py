"""Sockets that count the bytes that they carry: what an answer takes on the wire, with HTTP, frames and TLS."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohappyeyeballs import AddrInfoType

from gateway.cli.bench.transports.sample import Traffic

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


@dataclass(slots=True)
class ByteCount:
    """Bytes of all sockets that it has opened."""

    received: int = 0
    sent: int = 0

    def open(self, address: AddrInfoType) -> socket.socket:
        """Open a socket whose bytes are counted here, as `aiohttp.TCPConnector` asks for one."""
        family, kind, protocol, *_ = address
        return CountingSocket(self, family, kind, protocol)

    def traffic(self) -> Traffic:
        """Return the bytes so far."""
        return Traffic(self.received, self.sent)


class CountingSocket(socket.socket):
    """A socket for the event loop of asyncio, which calls these methods, and no others, to carry bytes."""

    def __init__(self, count: ByteCount, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._count = count

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive, and count."""
        data = super().recv(bufsize, flags)
        self._count.received += len(data)
        return data

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a buffer, and count."""
        length = super().recv_into(buffer, nbytes, flags)
        self._count.received += length
        return length

    def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
        """Send, and count."""
        length = super().send(data, flags)
        self._count.sent += length
        return length

    def sendmsg(self, buffers: "Iterable[ReadableBuffer]", *details: object) -> int:
        """Send several buffers, and count."""
        length = super().sendmsg(buffers, *details)  # type: ignore[arg-type]
        self._count.sent += length
        return length
