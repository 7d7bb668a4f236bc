"""Bound the messages of a WebSocket before they are parsed: one that may not be kept is dropped, and the socket lives.

The parser of `websockets` buffers every frame up to its limit, and closes the connection at a larger one (1009). The
frames of a message that is too large, or finds no memory, never reach it.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.admission.prompts import PromptReservation
from gateway.protocol.errors import Refused, invalid

try:
    # In C, where the library could be built; as the library itself chooses.
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

HEAD_BYTES: Final = 1024
"""Bytes that are kept of a dropped message, so that a refusal can name it."""

END_OF_MESSAGE: Final = b"\x80\x80\0\0\0\0"
"""An empty last fragment: for the parser, it ends a message whose rest was dropped (RFC 6455, 5.4)."""

WHOLE_TEXT: Final = 0x81
"""First byte of a frame that is a whole text message, without an extension (RFC 6455, 5.2)."""

LONG_CONTROL_FRAME: Final = b"\x89\xfe\0\x7e" + bytes(4 + 126)
"""A ping of 126 bytes, in place of any control frame that is too long: the parser closes with 1002 (RFC 6455, 5.5)."""


class _Frame(NamedTuple):
    is_data: bool
    is_last: bool
    header: int
    """Bytes of the header."""
    payload: int
    mask: bytes


@dataclass(slots=True)
class Dropped:
    """A message that is dropped, and why. `head` is its beginning, unless the parser has it (`has_parsed`)."""

    refused: Refused
    has_parsed: bool
    mask: bytes
    announced: bool = False
    head: bytes = b""

    def text(self) -> str:
        """Return the beginning of the message as text."""
        unmasked = bytes(byte ^ self.mask[at % 4] for at, byte in enumerate(self.head)) if self.mask else self.head
        return unmasked.decode(errors="replace")


class MessageLimiter:
    """Passes on whole frames, of messages of at most `max_bytes` for which `reservation` finds memory."""

    __slots__ = (
        "_buffer",
        "_dropped",
        "_frame",
        "_has_parsed",
        "_header",
        "_left",
        "_message_bytes",
        "max_bytes",
        "reservation",
    )

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.reservation: PromptReservation | None = None
        """Counts what was received of a message that is not complete."""
        self._buffer = bytearray()
        """The beginning of a frame that is kept."""
        self._header = b""
        """The beginning of a header: at most 13 bytes."""
        self._frame: _Frame | None = None
        """The frame whose payload is being received."""
        self._left = 0
        """Bytes of that payload that have not come."""
        self._message_bytes = 0
        """Bytes of a message in the fragments that were passed on."""
        self._has_parsed = False
        """Fragments of a message were passed on, and more must follow."""
        self._dropped: Dropped | None = None

    def whole_text(self, data: bytes) -> bytes | None:
        """Return the text of a read that is one message in one frame, as nearly every command is.

        It needs no parser. Return None for any other read, which is to be fed.
        """
        if self._frame is not None or self._header or self._has_parsed or self._dropped is not None:
            return None
        header = _header_of_whole_text(data)
        if not header or len(data) - header > self.max_bytes:
            return None
        return apply_mask(data[header:], data[header - 4 : header])

    def feed(self, data: bytes) -> list[bytes | bytearray | Dropped]:
        """Return whole frames, and each dropped message once."""
        passed: list[bytes | bytearray | Dropped] = []
        if self._header:
            data, self._header = self._header + data, b""
        position = 0
        while position < len(data):
            if self._frame is None:
                frame = _read_header(data, position)
                if frame is None:
                    self._header = data[position:]
                    break
                header = data[position : position + frame.header]
                position += frame.header
                if not frame.is_data and frame.payload > 125:
                    passed.append(LONG_CONTROL_FRAME)
                    break
                self._begin(frame, header)
            taken = min(self._left, len(data) - position)
            self._receive(data[position : position + taken], passed)
            position += taken
        if self.reservation is not None and (self._has_parsed or self._frame is not None):
            self._count(self.reservation)
        if self._dropped is not None:
            self._announce(self._dropped, passed)
        return passed

    def _begin(self, frame: _Frame, header: bytes) -> None:
        self._frame, self._left = frame, frame.payload
        if frame.is_data and self._dropped is None and self._message_bytes + frame.payload > self.max_bytes:
            message = f"The message is larger than {self.max_bytes} bytes."
            self._drop(invalid(message, status=413), frame)
        if self._is_kept(frame):
            self._buffer += header

    def _receive(self, payload: bytes, passed: list[bytes | bytearray | Dropped]) -> None:
        frame, dropped = self._frame, self._dropped
        if frame is None:
            return
        self._left -= len(payload)
        if self._is_kept(frame):
            self._buffer += payload
        elif dropped is not None:
            if not dropped.has_parsed:
                dropped.head += payload[: HEAD_BYTES - len(dropped.head)]
            self._announce(dropped, passed, is_complete=frame.is_last and not self._left)
        if not self._left:
            self._end(frame, passed)

    def _announce(
        self, dropped: Dropped, passed: list[bytes | bytearray | Dropped], *, is_complete: bool = False
    ) -> None:
        """Return a dropped message once, as soon as enough of it has come to name it."""
        if not dropped.announced and (is_complete or dropped.has_parsed or len(dropped.head) == HEAD_BYTES):
            dropped.announced = True
            passed.append(dropped)

    def _end(self, frame: _Frame, passed: list[bytes | bytearray | Dropped]) -> None:
        self._frame = None
        if self._is_kept(frame):
            passed.append(self._buffer)
            self._buffer = bytearray()
            if frame.is_data:
                self._message_bytes, self._has_parsed = self._message_bytes + frame.payload, True
        elif self._dropped is not None and self._dropped.has_parsed and frame.is_last:
            passed.append(END_OF_MESSAGE)
        if frame.is_data and frame.is_last:
            self._message_bytes, self._has_parsed, self._dropped = 0, False, None
            self._uncount()

    def _uncount(self) -> None:
        if self.reservation is not None and self.reservation.size:
            self.reservation.resize(0)

    def _count(self, reservation: PromptReservation) -> None:
        """Count what waits for the rest of its message; drop the message if there is no memory for it."""
        frame = self._frame
        if self._dropped is None and (frame is None or frame.is_data):
            try:
                reservation.grow(self._message_bytes + len(self._buffer) - reservation.size)
            except Refused as refused:
                self._drop(refused, frame)

    def _drop(self, refused: Refused, frame: _Frame | None) -> None:
        header, mask = (0, b"") if frame is None else (frame.header, frame.mask)
        self._dropped = Dropped(refused, self._has_parsed, mask)
        if not self._dropped.has_parsed:
            self._dropped.head = bytes(self._buffer[header : header + HEAD_BYTES])
        self._buffer = bytearray()
        self._uncount()

    def _is_kept(self, frame: _Frame) -> bool:
        # Control frames come between the fragments of any message.
        return self._dropped is None or not frame.is_data


def _header_of_whole_text(data: bytes) -> int:
    """Return the size of the header if a read is one masked frame with a text of less than 64 KiB; 0 if it is not."""
    size = len(data)
    if size < 6 or data[0] != WHOLE_TEXT:
        return 0
    if size < 6 + 126:
        return 6 if data[1] == 0x80 | size - 6 else 0
    return 8 if data[1] == 0x80 | 126 and int.from_bytes(data[2:4]) == size - 8 else 0


def _read_header(data: bytes, at: int) -> _Frame | None:
    """Return the frame whose header begins at `at`; None if the header is not complete (RFC 6455, 5.2)."""
    if len(data) < at + 2:
        return None
    first, second = data[at], data[at + 1]
    length, header = second & 0x7F, 2
    if length > 125:
        header = 4 if length == 126 else 10
        length = int.from_bytes(data[at + 2 : at + header])
    masked = header + (4 if second & 0x80 else 0)
    if len(data) < at + masked:
        return None
    mask = data[at + header : at + masked]
    return _Frame(not first & 0x08, bool(first & 0x80), masked, length, mask)
