"""The WebSocket frames that a client needs (RFC 6455). Pure."""

from tests.bench.load.http import WireError

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The key of the example in RFC 6455, section 1.3, and the server's answer to it."""

MASK = b"\x37\xfa\x21\x3d"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame of a client, which must be masked (RFC 6455, section 5.3)."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    mask = (MASK * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
    return head + MASK + masked


class FrameReader:
    """Parser of a server's frames. The gateway never fragments a message, so a fragment is an error."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that are complete, as (opcode, payload).

        Raises:
            WireError: a frame is masked, compressed or fragmented.
        """
        data = self._rest + data if self._rest else data
        position, size, frames = 0, len(data), []
        while size - position >= 2:
            first, length = data[position], data[position + 1]
            if first & 0xF0 != 0x80 or length & 0x80:
                message = f"a frame that starts with {data[position : position + 2].hex()}"
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
