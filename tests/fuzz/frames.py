"""Encode WebSocket frames of a client, and decode those of a server (RFC 6455, 5.2)."""

from typing import Final

HANDSHAKE: Final = (
    b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: dualstream.v1\r\n\r\n"
)


def masked(payload: bytes, first: int = 0x81) -> bytes:
    """Encode a client's frame. The mask is zero, so the payload stays readable."""
    size = len(payload)
    if size < 126:
        return b"%c%c\0\0\0\0%b" % (first, 0x80 | size, payload)
    if size < 1 << 16:
        return b"%c\xfe%b\0\0\0\0%b" % (first, size.to_bytes(2, "big"), payload)
    return b"%c\xff%b\0\0\0\0%b" % (first, size.to_bytes(8, "big"), payload)


def decode_frames(data: bytes) -> list[tuple[int, bytes]]:
    """Decode a server's frames into pairs of opcode and payload."""
    frames, at = [], 0
    while at < len(data):
        size, header = data[at + 1], 2
        if size == 126:
            size, header = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, header = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        frames.append((data[at] & 0x0F, data[at + header : at + header + size]))
        at += header + size
    assert at == len(data)
    return frames
