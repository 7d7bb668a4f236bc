"""Connections of many clients of one machine: each source address has only so many ports."""

import asyncio
import socket
from typing import Final

PORTS_PER_ADDRESS: Final = 20_000
"""Connections from one source address: the kernel has 28,232 ports for them (`net.ipv4.ip_local_port_range`)."""

IP_BIND_ADDRESS_NO_PORT: Final = 24
"""Choose the port when connecting (ip(7)): one in use towards another address will do. Python's module lacks it."""


def source_address(number: int) -> str:
    """Return the address from which a client connects: all of 127.0.0.0/8 is loopback."""
    return f"127.0.0.{1 + number // PORTS_PER_ADDRESS}"


async def connect(protocol: asyncio.Protocol, number: int, port: int) -> None:
    """Connect client `number` to a port of this machine.

    Raises:
        OSError: no connection.
    """
    loop, sock = asyncio.get_running_loop(), socket.socket()
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source_address(number), 0))
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.create_connection(lambda: protocol, sock=sock)
    except BaseException:
        sock.close()
        raise
