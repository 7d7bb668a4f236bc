"""The listening socket: where the gateway listens, and whether it may listen there without credentials."""

import errno
import logging
import os
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.config import ConfigurationError, Settings
from gateway.log_fields import log_fields
from gateway.net.addresses import is_loopback_address

logger = logging.getLogger(__name__)

EXPOSED: Final = """this gateway would listen on {address}, which others can reach, and requires no key: anyone could
read and control its answers, and spend your money. Do one of these:
  - create a key: dualstream keys create NAME, and set keys_file (DUALSTREAM_KEYS_FILE) to its file; or configure [jwt]
  - listen where only this machine connects: --host 127.0.0.1
  - accept the risk: --insecure (DUALSTREAM_INSECURE=true), if only you can reach that address"""
"""Error for a gateway that would be open to others without `insecure`."""


ADVICE: Final[Mapping[int, str]] = {
    errno.EADDRINUSE: "another program listens there: end it, or choose another port with --port (DUALSTREAM_PORT; "
    "make run PORT=8090)",
    errno.EACCES: "this user may not listen on that port: choose one from 1024 on with --port (DUALSTREAM_PORT)",
    errno.EADDRNOTAVAIL: "this machine does not have that address: choose one with --host (DUALSTREAM_HOST)",
}
"""What to change, by the reason for which a socket can't listen."""


class Address(NamedTuple):
    """The address of a listening socket."""

    family: socket.AddressFamily
    host: str
    port: int


def resolve(host: str, port: int) -> Address:
    """Return the address that a host name stands for.

    Raises:
        OSError: it can't be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # A name such as localhost has an address of each family: more clients reach that of IPv4.
    family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return Address(family, str(address[0]), port)


def check_exposure(settings: Settings, address: Address) -> None:
    """Check that a gateway without credentials listens on loopback, by its address and not by its name.

    Raises:
        ConfigurationError: others could reach it.
    """
    if settings.requires_credentials:
        if settings.insecure:
            message = "insecure has no effect: keys are configured, and every client needs one"
            logger.warning(message, extra=log_fields("insecure_without_effect"))
    elif settings.insecure:
        message = "insecure: everyone who reaches %s may use this gateway, and spend your money"
        logger.warning(message, address.host, extra=log_fields("insecure", address=address.host))
    elif not is_loopback_address(address.host):
        raise ConfigurationError(EXPOSED.format(address=address.host))


def listen(address: Address, dead_after: float) -> socket.socket:
    """Listen. The kernel resets a connection whose client has accepted nothing for `dead_after` seconds.

    TCP_USER_TIMEOUT (RFC 5482; Linux, tcp(7)) is inherited by accepted sockets. It ends connections that our own limits
    do not see, such as one whose last data was written and never acknowledged.

    Raises:
        OSError: the address is in use, or not available.
    """
    listening = socket.create_server((address.host, address.port), family=address.family)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(dead_after * 1000))
    return listening


def describe_failure(error: OSError, host: str, port: int) -> str:
    """Return why the gateway can't listen, and what to change."""
    if isinstance(error, socket.gaierror):
        reason = f"that name can't be resolved ({error.strerror}): choose an address with --host (DUALSTREAM_HOST)"
    else:
        # Its text may repeat the address; that of the number does not.
        default = f"{os.strerror(error.errno or 0)}; choose with --host and --port"
        reason = ADVICE.get(error.errno or 0, default)
    return f"can't listen on {host}:{port}: {reason}"
