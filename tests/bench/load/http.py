"""HTTP/1.1 as far as a load needs it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class WireError(Exception):
    """The other side does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response."""

    status: int
    headers: dict[str, str]

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.headers.get("transfer-encoding", "").lower() == "chunked"

    @property
    def keeps(self) -> bool:
        """Whether the connection may be used again."""
        return self.headers.get("connection", "").lower() != "close"


def request(method: str, path: str, port: int, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if body:
        lines += ["Content-Type: application/json"]
    if method == "POST":
        lines += [f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parse_head(data: bytes) -> Head:
    """Read the head of a response, given without its blank line.

    Raises:
        WireError: it is none.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        message = f"not a response: {first[:80]!r}"
        raise WireError(message)
    pairs = (line.partition(":") for line in lines)
    return Head(int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs})


class ChunkedBody:
    """A body in chunks; `is_over` after the last one."""

    def __init__(self) -> None:
        self.is_over = False
        self._left = 0  # of the chunk under way, with its line break
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Give the content of what has come.

        Raises:
            WireError: it is not in chunks, or goes on after its end.
        """
        data = self._rest + data if self._rest else data
        position, pieces = 0, []
        while position < len(data):
            if self.is_over:
                message = "bytes after the end of the body"
                raise WireError(message)
            if self._left:
                # The last two bytes of a chunk's rest are its line break, and these may come apart from it.
                taken = min(self._left, len(data) - position)
                pieces.append(data[position : position + min(taken, max(0, self._left - 2))])
                self._left -= taken
                position += taken
                continue
            end = data.find(b"\r\n", position)
            if end < 0:
                break
            size = _size(data[position:end])
            if size == 0:
                if len(data) < end + 4:
                    break
                self.is_over = True
                position = end + 4
            else:
                self._left = size + 2
                position = end + 2
        self._rest = data[position:]
        return b"".join(pieces)


def _size(line: bytes) -> int:
    try:
        return int(line, 16)
    except ValueError:
        message = f"not the size of a chunk: {line[:40]!r}"
        raise WireError(message) from None
