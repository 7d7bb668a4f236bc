"""Which pages may use the gateway: its own, and those whose origin is allowed. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.errors import Code, Refused


def check_origin(headers: Mapping[str, str], allowed: frozenset[str]) -> None:
    """Let through what is no browser, the gateway's own pages, and allowed origins.

    Browsers send `Origin` with a WebSocket handshake and with requests to other origins, and tell of the rest by
    `Sec-Fetch-Site` (W3C Fetch Metadata), so that a foreign page can't pass for none.

    Raises:
        Refused: `forbidden`.
    """
    origin = headers.get("origin")
    if origin is not None:
        if origin in allowed or _host_of(origin) == headers.get("host", "").lower():
            return
        raise _forbidden(origin)
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise _forbidden("another site")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _forbidden(origin: str) -> Refused:
    return Refused(
        Code.FORBIDDEN,
        f"Pages of {origin[:200]} may not use this gateway: add their origin to DUALSTREAM_ALLOWED_ORIGINS.",
        param="Origin",
    )
