"""WebSocket frames as a client sends them, and as a server does (RFC 6455, 5.2)."""

from typing import Final

HANDSHAKE: Final = (
    b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: dualstream.v1\r\n\r\n"
)


def masked(payload: bytes, first: int = 0x81) -> bytes:
    """Frame as a client does, with a mask of zeros, so that it stays readable."""
    size = len(payload)
    if size < 126:
        return b"%c%c\0\0\0\0%b" % (first, 0x80 | size, payload)
    if size < 1 << 16:
        return b"%c\xfe%b\0\0\0\0%b" % (first, size.to_bytes(2, "big"), payload)
    return b"%c\xff%b\0\0\0\0%b" % (first, size.to_bytes(8, "big"), payload)


def unframed(answers: bytes) -> list[tuple[int, bytes]]:
    """Read frames as a server sends them: each one's kind and payload."""
    found, at = [], 0
    while at < len(answers):
        size, head = answers[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(answers[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(answers[at + 2 : at + 10], "big"), 10
        found.append((answers[at] & 0x0F, answers[at + head : at + head + size]))
        at += head + size
    assert at == len(answers)
    return found
