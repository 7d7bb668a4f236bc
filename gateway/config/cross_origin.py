"""Checks of the settings for pages of other origins. Each returns the value, or raises ValueError. Pure."""

import re
from typing import Final
from urllib.parse import urlsplit

from gateway.security.origins import OPAQUE_ORIGINS

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def check_origin(origin: str) -> str:
    """Check an origin that is to be allowed: a scheme and a host, with the port unless it is the scheme's own.

    Apps have schemes of their own, such as tauri:// or chrome-extension://. Some of them have no host, and some have
    one that is generated at each installation: `*` is any host of such a scheme, but of no other.

    Raises:
        ValueError: browsers do not send it in this form, or it names no page.
    """
    scheme, _, host = origin.partition("://")
    if origin.lower() in OPAQUE_ORIGINS or scheme.lower() == "file":
        message = (
            f"{origin!r} can't be allowed: files and sandboxed frames have it, so that any site could use the gateway; "
            "serve the page over HTTP, such as http://localhost:3000, and allow that origin"
        )
        raise ValueError(message)
    is_web = scheme.lower() in DEFAULT_PORTS
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://(\*|[^/\s*?#@\\]*)", origin) or (is_web and host in {"", "*"}):
        message = (
            f"{origin!r} is not an origin: use https://host or https://host:port, without a path and without *, or "
            "that of an app, such as tauri://localhost"
        )
        raise ValueError(message)
    sent = _as_sent(scheme.lower(), host) if is_web else f"{scheme.lower()}://{host}"
    if sent != origin:
        message = f"{origin!r} is not in the form that browsers send: use {sent}"
        raise ValueError(message)
    return origin


def check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Check origins that are to be allowed.

    Raises:
        ValueError: `check_origin` refuses one.
    """
    return tuple(map(check_origin, origins))


def check_header_pattern(name: str) -> str:
    """Check the name of a header that pages may send; it may end with `*`.

    Raises:
        ValueError: it is not the name of a header (RFC 9110, 5.1).
    """
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'+.^_`|~-]*\*?", name) or not name:
        message = f"{name!r} is not the name of a header: use letters, digits and -, such as x-tenant or x-tenant-*"
        raise ValueError(message)
    return name.lower()


def check_header_patterns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check names of headers that pages may send, and return them in lower case.

    Raises:
        ValueError: `check_header_pattern` refuses one.
    """
    return tuple(map(check_header_pattern, names))


def _as_sent(scheme: str, host: str) -> str:
    """Return a web origin as browsers serialize it: lower case, ASCII, without the default port (WHATWG URL, 4.6)."""
    try:
        parts = urlsplit(f"{scheme}://{host}")
        name, port = parts.hostname or "", parts.port
        name = name if name.isascii() else name.encode("idna").decode()
    except ValueError:
        message = f"{scheme}://{host}: its port is not valid"
        raise ValueError(message) from None
    name = f"[{name}]" if ":" in name else name
    is_default = port in {None, DEFAULT_PORTS[scheme]}
    return f"{scheme}://{name}" if is_default else f"{scheme}://{name}:{port}"
