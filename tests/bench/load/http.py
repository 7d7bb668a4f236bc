"""The part of HTTP/1.1 that the load generator needs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class WireError(Exception):
    """The server violates the protocol."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and headers of a response."""

    status: int
    headers: dict[str, str]

    @property
    def is_chunked(self) -> bool:
        """Return True if the body is sent in chunks."""
        return self.headers.get("transfer-encoding", "").lower() == "chunked"

    @property
    def is_kept_alive(self) -> bool:
        """Return True if the connection may be used for another request."""
        return self.headers.get("connection", "").lower() != "close"


def request(method: str, path: str, port: int, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if body:
        lines += ["Content-Type: application/json"]
    if method == "POST":
        lines += [f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parse_response_head(data: bytes) -> ResponseHead:
    """Parse status and headers of a response, without the blank line.

    Raises:
        WireError: the data is not a response.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    fields = first.split(" ", 2)
    if len(fields) < 2 or not fields[0].startswith("HTTP/1.") or not fields[1].isdigit():
        message = f"not a response: {first[:80]!r}"
        raise WireError(message)
    pairs = (line.partition(":") for line in lines)
    return ResponseHead(int(fields[1]), {name.strip().lower(): value.strip() for name, _, value in pairs})


class ChunkedBody:
    """Parser of a body in chunks (RFC 9112, section 7.1); `is_complete` is set by the last one."""

    def __init__(self) -> None:
        self.is_complete = False
        self._remaining = 0  # bytes of the current chunk, with its line break
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return the content of received data.

        Raises:
            WireError: the data is not in chunks, or continues after the end.
        """
        data = self._rest + data if self._rest else data
        position, pieces = 0, []
        while position < len(data):
            if self.is_complete:
                message = "bytes after the end of the body"
                raise WireError(message)
            if self._remaining:
                # The last two remaining bytes are the line break, which may be split from the chunk.
                taken = min(self._remaining, len(data) - position)
                pieces.append(data[position : position + min(taken, max(0, self._remaining - 2))])
                self._remaining -= taken
                position += taken
                continue
            end = data.find(b"\r\n", position)
            if end < 0:
                break
            size = _parse_size(data[position:end])
            if size == 0:
                if len(data) < end + 4:
                    break
                self.is_complete = True
                position = end + 4
            else:
                self._remaining = size + 2
                position = end + 2
        self._rest = data[position:]
        return b"".join(pieces)


def _parse_size(line: bytes) -> int:
    try:
        return int(line, 16)
    except ValueError:
        message = f"not a chunk size: {line[:40]!r}"
        raise WireError(message) from None
