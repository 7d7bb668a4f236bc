"""Which pages may use the gateway: its own, and those whose origin is allowed. Pure."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gateway.net.addresses import is_loopback_host
from gateway.protocol.errors import Code, Refused

SECURE_SCHEMES: Final = frozenset({"https", "wss"})


@dataclass(frozen=True, slots=True)
class Origins:
    """Lets through what is no browser, the gateway's own pages, and allowed origins.

    Browsers send `Origin` with a WebSocket handshake and with requests to other origins, and tell of the rest by
    `Sec-Fetch-Site` (W3C Fetch Metadata), so that a foreign page can't pass for none. A page is our own if its origin
    is the host it asks for; but a name that somebody makes point here (DNS rebinding) is such a host too, and of what
    it asks for by GET browsers tell nothing. So unless `any_host`, only addresses and loopback names may be asked.
    """

    allowed: frozenset[str] = frozenset()
    any_host: bool = True

    def check(self, headers: Mapping[str, str], scheme: str = "http") -> str:
        """Refuse a foreign page; give the origin of an allowed one, and "" for our own and for what is no page.

        The last two are not told apart: for a page's requests to where it came from, browsers send an `Origin` with
        some and none with others, such as an EventSource's. `scheme` is that of the request.

        Raises:
            Refused: `forbidden`.
        """
        origin, host = headers.get("origin"), headers.get("host", "").lower()
        if not self._is_ours(host):
            raise _not_ours(host)
        if origin is not None:
            if _names(origin, host, scheme):
                return ""
            if origin in self.allowed:
                return origin
            raise _forbidden(origin)
        if headers.get("sec-fetch-site") not in {None, "same-origin", "none"}:
            raise _forbidden("another site")
        return ""

    def _is_ours(self, host: str) -> bool:
        if self.any_host:
            return True
        name = _name(host)
        return _is_loopback_name(name) or _is_address(name)


def has_origin_headers(headers: Mapping[str, str]) -> bool:
    """Tell whether a request says which page it comes from; what it says is for `Origins.check` to judge.

    A browser leaves both out only for a GET over plain HTTP from a machine that is not its own.
    """
    return "origin" in headers or "sec-fetch-site" in headers


def is_insecure_origin(headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes from a page of this host over plain HTTP, and not on this machine.

    Cookies that are `Secure` come over HTTPS, whatever a proxy that is not trusted says of it: such a page is not ours.
    """
    origin, host = headers.get("origin", ""), headers.get("host", "").lower()
    return origin.startswith("http:") and _names(origin, host, "http") and not _is_loopback_name(_name(host))


def is_browser(headers: Mapping[str, str]) -> bool:
    """Tell a browser, by what all of them have begun their names with since 1994; a page can't make it another."""
    return headers.get("user-agent", "").startswith("Mozilla/")


def _name(host: str) -> str:
    """Give the name, or the address, of a host with its port; "" of what is none."""
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


def _names(origin: str, host: str, scheme: str) -> bool:
    """Tell whether an origin is that of the host which is asked.

    A page over plain HTTP is not ours where we are asked over HTTPS: anybody on the way may have written it. The other
    way round a proxy has taken the TLS off.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return bool(host) and parts.netloc.lower() == host and not (scheme in SECURE_SCHEMES and parts.scheme == "http")


def _not_ours(host: str) -> Refused:
    message = (
        f"A gateway on loopback without keys is asked as localhost or by an address, not as {host[:200]!r}: where a "
        "proxy passes that name on, name the proxy in DUALSTREAM_TRUSTED_PROXIES, or set up keys."
    )
    return Refused(Code.FORBIDDEN, message, param="Host")


def _forbidden(origin: str) -> Refused:
    return Refused(
        Code.FORBIDDEN,
        f"Pages of {origin[:200]} may not use this gateway: add their origin to DUALSTREAM_ALLOWED_ORIGINS.",
        param="Origin",
    )
