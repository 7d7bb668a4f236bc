"""WebSocket frames as far as a client needs them (RFC 6455). Pure."""

from tests.bench.load.http import WireError

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The key of the RFC's example, and what the server makes of it."""

MASK = b"\x37\xfa\x21\x3d"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def masked(opcode: int, payload: bytes) -> bytes:
    """Write a frame as a client must, masked."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    mask = (MASK * (length // 4 + 1))[:length]
    hidden = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
    return head + MASK + hidden


class FrameReader:
    """Frames of a server, as (opcode, payload). Messages in several frames are nothing that the gateway sends."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Give the frames that are whole.

        Raises:
            WireError: one is masked, compressed or in parts.
        """
        data = self._rest + data if self._rest else data
        position, size, frames = 0, len(data), []
        while size - position >= 2:
            first, length = data[position], data[position + 1]
            if first & 0xF0 != 0x80 or length & 0x80:
                message = f"a frame that begins with {data[position : position + 2].hex()}"
                raise WireError(message)
            start = position + 2
            if length > 125:
                start += 2 if length == 126 else 8
                if start > size:
                    break
                length = int.from_bytes(data[position + 2 : start], "big")
            if start + length > size:
                break
            frames.append((first & 15, data[start : start + length]))
            position = start + length
        self._rest = data[position:]
        return frames
