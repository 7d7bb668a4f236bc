"""Read the width and height of an image from its base64 text, decoding only the bytes that hold them. Pure.

Sources: PNG (W3C, 11.2.2 "IHDR"), GIF89a (18 "Logical Screen Descriptor"), JPEG (ITU-T T.81, B.2.2 "Frame header"),
WebP (RFC 9649, 2.5 to 2.7).
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error

Size = tuple[int, int]
"""Width and height in pixels."""

MAX_SEGMENTS = 256
"""Maximum segments of a JPEG before its frame header. A color profile alone may have several."""

_HEAD_BYTES = 32
_ALPHABET = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_NO_FRAME_HEADERS = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers from 0xC0 to 0xCF that do not begin a frame: tables, and a reserved one."""


def read_image_size(data: str) -> Size | None:
    """Return width and height of a PNG, JPEG, GIF or WebP image in base64; None if they can't be read."""
    head = _bytes_at(data, 0, _HEAD_BYTES)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        size = _big(head[16:20]), _big(head[20:24])
    elif head.startswith((b"GIF87a", b"GIF89a")):
        size = _little(head[6:8]), _little(head[8:10])
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        size = _webp_size(head)
    elif head.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)
    else:
        return None
    return size if all(size) else None


def _webp_size(head: bytes) -> Size:
    match head[12:16]:
        case b"VP8X":
            return _little(head[24:27]) + 1, _little(head[27:30]) + 1
        case b"VP8L":
            bits = _little(head[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return 0, 0


def _jpeg_size(data: str) -> Size:
    """Return the size in the frame header; (0, 0) if there is none where the segments before it lead to."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        segment = _bytes_at(data, at, 9)
        if len(segment) < 9 or segment[0] != 0xFF:
            break
        marker = segment[1]
        if marker == 0xFF:
            # A fill byte before the marker (B.1.1.2).
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADERS:
            return _big(segment[7:9]), _big(segment[5:7])
        else:
            at += 2 + _big(segment[2:4])
    return 0, 0


def _bytes_at(data: str, start: int, length: int) -> bytes:
    """Decode `length` bytes from `start` on: base64 holds three bytes in every four characters."""
    first = start // 3
    text = data[first * 4 : -(-(start + length) // 3) * 4]
    if not _ALPHABET.fullmatch(text):
        return b""
    try:
        return b64decode(text + "=" * (-len(text) % 4))[start - first * 3 :][:length]
    except Base64Error:
        return b""


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
