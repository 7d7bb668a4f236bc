"""Which web pages may use the gateway: its own, and those of allowed origins. Pure."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from gateway.net.addresses import is_loopback_host
from gateway.protocol.errors import Code, Refused

SECURE_SCHEMES: Final = frozenset({"https", "wss"})

OPAQUE_ORIGINS: Final = frozenset({"null", "file://"})
"""Origins that name no page, and can't be allowed.

Browsers send `null` from files, sandboxed frames and after some redirects (WHATWG HTML, 7.1.1, "opaque origin"), so any
site can make a page with it. With a WebSocket of a file, Chromium sends `file://`.
"""


@dataclass(frozen=True, slots=True)
class Origins:
    """Origin policy: it admits clients that are not browsers, the gateway's own pages, and allowed origins.

    Browsers send `Origin` with a WebSocket handshake and with cross-origin requests, and `Sec-Fetch-Site` with others
    (W3C Fetch Metadata), so a page of another origin cannot pass for a client that is not a browser.

    A page is our own if its origin equals the requested host. After DNS rebinding, that is also true for an attacker's
    host name that resolves to this gateway; with its GET requests over plain HTTP, browsers send neither header. So
    unless `any_host` is True, `Host` must be an IP address or a loopback name.

    `allowed` are origins as browsers send them. The host of one with a scheme of its own may be `*`: apps generate it.
    """

    allowed: frozenset[str] = frozenset()
    any_host: bool = True

    def is_listed(self, origin: str) -> bool:
        """Return True if pages of an origin are allowed, so that they may also read responses (CORS)."""
        scheme, separator, _ = origin.partition("://")
        return origin in self.allowed or (bool(separator) and f"{scheme}://*" in self.allowed)

    def check(self, headers: Mapping[str, str], scheme: str = "http") -> str:
        """Return the origin of an allowed page, or "" for our own page and for a client that is not a browser.

        The last two cannot be distinguished: browsers send `Origin` with some same-origin requests and not with others,
        such as those of an `EventSource`. `scheme` is the scheme of the request.

        Raises:
            Refused: `forbidden`: a page of another origin, or the host is not one of ours.
        """
        origin, host = headers.get("origin"), headers.get("host", "").lower()
        if not (self.any_host or _is_address_or_loopback(host)):
            raise _unknown_host(host)
        if origin is not None:
            if _is_same_origin(origin, host, scheme):
                return ""
            if self.is_listed(origin):
                return origin
            raise forbidden_origin(origin)
        if headers.get("sec-fetch-site") not in {None, "same-origin", "none"}:
            raise forbidden_origin("another site")
        return ""


@lru_cache(maxsize=64)
def _is_address_or_loopback(host: str) -> bool:
    name = _hostname(host)
    return _is_loopback_name(name) or _is_address(name)


def has_origin_headers(headers: Mapping[str, str]) -> bool:
    """Return True if a request states which page sent it; `Origins.check` decides whether that page is allowed.

    A browser omits both headers only with a same-origin or no-CORS GET to an insecure origin: plain HTTP, not loopback.
    """
    return "origin" in headers or "sec-fetch-site" in headers


def is_insecure_origin(headers: Mapping[str, str]) -> bool:
    """Return True if a request comes from a page of this host that was loaded over plain HTTP, except on loopback.

    A `Secure` cookie proves that the request came over HTTPS, even if an untrusted proxy does not report it. So a page
    over plain HTTP is a foreign one: anyone on the network path may have written it.
    """
    origin, host = headers.get("origin", ""), headers.get("host", "").lower()
    return (
        origin.startswith("http:") and _is_same_origin(origin, host, "http") and not _is_loopback_name(_hostname(host))
    )


def is_browser(headers: Mapping[str, str]) -> bool:
    """Return True if the user agent begins with `Mozilla/`, as that of every browser does; a page cannot change it."""
    return headers.get("user-agent", "").startswith("Mozilla/")


def _hostname(host: str) -> str:
    """Return the name or address of `host[:port]`, or "" if it is not valid."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback_name(name: str) -> bool:
    return is_loopback_host(name) or name.endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(origin: str, host: str, scheme: str) -> bool:
    """Return True if an origin is that of the requested host.

    A page over plain HTTP does not count if the request came over HTTPS: anyone on the network path may have written
    it. The reverse is allowed: a proxy in front of the gateway terminates TLS.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # A page of an app, such as capacitor://localhost, is not one that this host has sent.
    own_schemes = {"https"} if scheme in SECURE_SCHEMES else {"http", "https"}
    return bool(host) and parts.netloc.lower() == host and parts.scheme in own_schemes


def _unknown_host(host: str) -> Refused:
    message = (
        f"A gateway on loopback without keys answers as localhost or by its IP address, not as {host[:200]!r}: if a "
        "proxy forwards that name, list the proxy in DUALSTREAM_TRUSTED_PROXIES, or configure keys."
    )
    return Refused(Code.FORBIDDEN, message, param="Host")


def forbidden_origin(origin: str) -> Refused:
    """Build the refusal of a page that is not allowed. Its usual length fits into the reason of a close frame."""
    message = f"Pages of {origin[:200]} are refused: list it in DUALSTREAM_ALLOWED_ORIGINS."
    if origin in OPAQUE_ORIGINS:
        message = f"Pages with the origin {origin} are refused, as every site can make one: serve the page over HTTP."
    return Refused(Code.FORBIDDEN, message, param="Origin")
