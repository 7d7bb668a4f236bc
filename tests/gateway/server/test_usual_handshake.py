"""The usual handshake: what is recognised is accepted by the library, too, with the same response."""

import random
from collections.abc import Sequence

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from gateway.server.usual_handshake import HANDSHAKE_HEADERS, accept_value, accepting_response

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
"""That of RFC 6455, 1.3."""
USUAL = [
    (b"host", b"127.0.0.1"),
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
]
DEFAULTS = [(b"date", b"Mon, 30 Nov 2026 00:00:00 GMT"), (b"X-Request-Id", b"r\xe9")]

VALUES: dict[bytes, Sequence[bytes]] = {
    b"connection": (b"Upgrade", b"keep-alive, Upgrade", b"keep-alive", b"close,upgrade", b"", b"upgrade,,"),
    b"upgrade": (b"websocket", b"WebSocket", b"h2c", b"websocket, h2c", b""),
    b"origin": (b"https://example.org", b"null", b""),
    b"sec-websocket-key": (
        KEY,
        b"AAAAAAAAAAAAAAAAAAAAAA==",
        b"AAAAAAAAAAAAAAAAAAAAAB==",
        b"AAAA",
        b"\xff",
        b"",
        KEY + b"=",
    ),
    b"sec-websocket-version": (b"13", b"8", b"", b"13, 8"),
    b"sec-websocket-protocol": (b"dualstream.v1", b"a, b", b"a,b", b"a ,b", b"a,,b", b",a", b"a b", b"(", b"", b"\xe9"),
    b"sec-websocket-extensions": (b"permessage-deflate; client_max_window_bits", b"(", b""),
    b"x-other": (b"a", b""),
}


def library_response(method: str, headers: Sequence[tuple[bytes, bytes]], subprotocol: str | None) -> bytes | None:
    """Return the response of the library; None if it rejects the handshake."""
    protocol = ServerProtocol()
    protocol.receive_data(b"GET / HTTP/1.1\r\n\r\n")
    read = [(name.decode(), value.decode("latin-1")) for name, value in headers if name in HANDSHAKE_HEADERS]
    response = protocol.accept(Request("/api/ws", Headers(read), method))
    if response.status_code != 101:
        return None
    del response.headers["Date"]
    for name, value in DEFAULTS:
        response.headers[name.decode().lower()] = value.decode("latin-1")
    if subprotocol is not None:
        response.headers["Sec-WebSocket-Protocol"] = subprotocol
    protocol.send_response(response)
    return b"".join(protocol.data_to_send())


@pytest.mark.parametrize("subprotocol", [None, "dualstream.v1"])
def test_the_response_is_that_of_the_library(subprotocol: str | None) -> None:
    accept = accept_value("GET", USUAL)
    assert accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert accepting_response(accept, DEFAULTS, subprotocol) == library_response("GET", USUAL, subprotocol)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_header_that_comes_twice_is_left_to_the_library(name: bytes) -> None:
    twice = [(name, VALUES[name][-1])] * 2
    rest = [header for header in USUAL if header[0] != name]
    assert accept_value("GET", [*rest, *twice]) is None or name not in HANDSHAKE_HEADERS


def test_whatever_is_recognised_the_library_accepts() -> None:
    chosen, recognised = random.Random(7), 0
    for _ in range(20_000):
        headers = dict(USUAL)
        for name in chosen.sample(sorted(VALUES), chosen.randrange(4)):
            headers[name] = chosen.choice(VALUES[name])
        if chosen.random() < 0.2:
            headers.pop(chosen.choice(sorted(headers)))
        method = chosen.choice(["GET", "GET", "GET", "POST"])
        accept = accept_value(method, headers.items())
        if accept is not None:
            recognised += 1
            assert accepting_response(accept, DEFAULTS, None) == library_response(method, [*headers.items()], None)
    assert recognised > 2000
