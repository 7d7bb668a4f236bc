"""The opening handshake of a WebSocket as nearly every client begins it (RFC 6455, 4.2).

The library parses each header by its whole grammar and builds the response header by header, in some 240 calls. What is
recognised here gets the same response; all else is left to the library.
"""

import re
from collections.abc import Iterable
from typing import Final

from websockets.utils import accept_key

HANDSHAKE_HEADERS: Final = frozenset(
    {
        *(b"connection", b"upgrade", b"origin"),
        *(b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-protocol", b"sec-websocket-version"),
    }
)
"""What the library reads of a handshake (RFC 6455, 4.2.1)."""

_CONNECTION: Final = frozenset({b"upgrade", b"keep-alive, upgrade"})
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in base64, the unused bits of the last character 0."""
_SUBPROTOCOLS: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+(?:, ?[-!#$%&'*+.^_`|~0-9A-Za-z]+)*")


def accept_value(method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the value of `Sec-WebSocket-Accept` for a usual handshake; None if the library must judge it.

    Extensions are not read: the server has none.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in HANDSHAKE_HEADERS:
            if name in found:
                return None
            found[name] = value
    is_usual = (
        method == "GET"
        and found.get(b"upgrade", b"").lower() == b"websocket"
        and found.get(b"connection", b"").lower() in _CONNECTION
        and found.get(b"sec-websocket-version") == b"13"
        and _SUBPROTOCOLS.fullmatch(found.get(b"sec-websocket-protocol", b"none")) is not None
    )
    key = found.get(b"sec-websocket-key", b"")
    return accept_key(key.decode("ascii")) if is_usual and _KEY.fullmatch(key) is not None else None


def accepting_response(accept: str, headers: Iterable[tuple[bytes, bytes]], subprotocol: str | None) -> bytes:
    """Return the response that opens the socket."""
    chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    return b"".join(
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            b"Sec-WebSocket-Accept: %b\r\n" % accept.encode("ascii"),
            *(b"%b: %b\r\n" % (name.lower(), value) for name, value in headers),
            b"%b\r\n" % chosen.encode("latin-1"),
        )
    )
