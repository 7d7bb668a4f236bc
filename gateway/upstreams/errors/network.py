"""Translate failures of a connection to a provider into `Failed`, which names what failed: name, port, TLS, proxy.

Clients see the messages: they contain no host, address or path. `HttpUpstream` logs them with the URL.
"""

import errno
import socket
import ssl
from enum import Enum, auto
from typing import Final

import aiohttp

from gateway.net.http_client import ProxyRefusedError
from gateway.net.open_files import NO_FILES
from gateway.net.proxy import ProxyUrlError
from gateway.protocol.errors import Code, Failed, GatewayFault
from gateway.upstreams.errors.failures import unreadable


class Step(Enum):
    """What a call does next, until the headers of its response have come."""

    RESOLVE = auto()
    CONNECT = auto()
    TUNNEL = auto()
    """The request for a tunnel through a proxy, and TLS with that proxy."""
    HANDSHAKE = auto()
    """TLS with the provider."""
    SEND = auto()
    """The request is being sent, or has been sent: from here on the provider may have taken it."""


CERTIFICATE_ADVICE: Final = "add it with the variable SSL_CERT_FILE"

_OUT_OF_RESOURCES: Final = NO_FILES | {errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN}

_CERTIFICATES: Final = {
    # X509_V_ERR_… (openssl-verification-options(1), x509_vfy.h).
    9: "it is not valid yet: check the clock of this machine",
    10: "it has expired",
    18: f"it is self-signed: {CERTIFICATE_ADVICE}",
    19: f"the CA that issued it is unknown here: {CERTIFICATE_ADVICE}",
    20: f"the CA that issued it is unknown here: {CERTIFICATE_ADVICE}",
    21: f"the CA that issued it is unknown here: {CERTIFICATE_ADVICE}",
    23: "it has been revoked",
    62: "it is for another host name",
    64: "it is for another address",
}
"""Reasons why a certificate is not accepted."""

_ADDRESSES: Final = {
    errno.ECONNREFUSED: "it refused the connection",
    errno.EHOSTUNREACH: "there is no route to its address",
    errno.ENETUNREACH: "there is no route to its address",
    errno.ETIMEDOUT: "its address does not answer",
}
"""Reasons why a TCP connection can't be made."""

_TIMEOUTS: Final = {
    Step.RESOLVE: "its host name was not resolved within connect_timeout",
    Step.CONNECT: "it did not accept a connection within connect_timeout",
    Step.TUNNEL: "it opened no connection to the provider within connect_timeout",
    Step.HANDSHAKE: "the TLS handshake did not end within connect_timeout",
}
"""What was not done in time, by the step that was running."""


def from_connection(error: Exception, step: Step, *, proxied: bool = False) -> Failed:
    """Translate an exception of the HTTP client before there is a response. `step` is how far the call had come.

    The name and the address of a `proxied` call are those of the proxy, up to the tunnel to the provider.
    """
    peer = "The proxy" if proxied and step is not Step.HANDSHAKE else "The provider"
    if _errno(error) in _OUT_OF_RESOURCES:
        return GatewayFault("The gateway has no free file or memory for one more connection to a provider.")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _rejected_certificate(error.certificate_error, peer)
    if isinstance(error, ProxyRefusedError):
        return _refused_by_proxy(error.status)
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        message = f"{error}." if isinstance(error, ProxyUrlError) else "The upstream's address is not a valid URL."
        return Failed(Code.NETWORK_ERROR, message, retryable=False)
    if step is Step.SEND:
        is_lost = isinstance(error, aiohttp.ClientConnectionError | OSError)
        message = f"{peer} closed the connection without a response."
        return Failed(Code.NETWORK_ERROR, message) if is_lost else unreadable("it is not HTTP")
    reason, retryable = _reason(error, step)
    return Failed(Code.NETWORK_ERROR, f"{peer} can't be reached: {reason}.", retryable=retryable)


def broken_off() -> Failed:
    """Return the failure of a body in which the HTTP client raised an exception.

    This includes a body without its final chunk (RFC 9112, 8): no provider ends a complete response that way.
    """
    return Failed(Code.TRUNCATED, "The connection to the provider broke off before the end of the answer.")


def _reason(error: Exception, step: Step) -> tuple[str, bool]:
    """Return why there is no connection, and whether a retry may help."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _unresolved(error.os_error), True
    if isinstance(error, TimeoutError):
        return _TIMEOUTS[step], True
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _failed_handshake(error.os_error)
    if step in {Step.TUNNEL, Step.HANDSHAKE}:
        is_lost = isinstance(error, aiohttp.ClientConnectionError | OSError)
        what = "the TLS handshake" if step is Step.HANDSHAKE else "the request for a tunnel"
        return (f"it closed the connection during {what}", True) if is_lost else ("its response is not HTTP", False)
    return _ADDRESSES.get(_errno(error) or 0, "its address can't be connected to"), True


def _refused_by_proxy(status: int) -> Failed:
    """Return the failure of a proxy that does not pass the call on."""
    if status == 407:
        message = "The proxy refused the gateway's user and password (HTTP 407): check those in its URL."
    else:
        message = f"The proxy refused to connect to the provider (HTTP {status})."
    return Failed(Code.NETWORK_ERROR, message, retryable=status >= 500)


def _unresolved(error: OSError) -> str:
    missing = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
    if isinstance(error, socket.gaierror) and error.errno in missing:
        return "its host name was not found"
    return "its host name can't be resolved now"


def _failed_handshake(error: Exception) -> tuple[str, bool]:
    """Return why TLS failed: the peer left, which may heal, or the two have no protocol in common."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "it closed the connection during the TLS handshake", True
    reason = getattr(error, "reason", None)
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"}:
        return "it does not speak TLS (https) at this port", False
    return "it refused the TLS handshake", False


def _rejected_certificate(error: Exception, peer: str) -> Failed:
    """Return the failure of a certificate that is not accepted: a retry changes nothing."""
    code = getattr(error, "verify_code", 0)
    reason = _CERTIFICATES.get(code, f"verification failed with X.509 error {code}")
    return Failed(Code.NETWORK_ERROR, f"{peer}'s certificate is not accepted: {reason}.", retryable=False)


def _errno(error: BaseException) -> int | None:
    """Return the number of an error of the operating system; None for those of names, whose numbers are others."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return cause.errno if isinstance(cause, OSError) and not isinstance(cause, socket.gaierror) else None
