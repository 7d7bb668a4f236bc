"""Raw bytes on a socket: requests that no client library would send, and strict parsing of responses."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

FIRST_SECONDS: Final = 3.0
"""Seconds to wait for a response that may never come."""

QUIET_SECONDS: Final = 0.5
"""Seconds of silence after a response, after which no other one is expected."""

CLOSE: Final = "Connection: close"
"""With this header the end of a response shows at once."""

_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) [\x20-\x7e]*")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff]*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; header names in lower case, in the order received."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header that may occur at most once; "" if it is absent."""
        found = [value for known, value in self.headers if known == name]
        assert len(found) <= 1, (name, found)
        return found[0] if found else ""

    def describe(self) -> str:
        """Describe the response: its status, and the message of our own errors. One without headers has status 0."""
        try:
            error = orjson.loads(self.body)["error"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            if self.status == 101:
                return f"101{_frames(self.body)}"
            text = self.body.decode("utf-8", "replace").strip()
            plain = self.header("content-type").startswith("text/plain") and text
            return f"{self.status} “{text}”" if plain else str(self.status)
        return f"{self.status} `{error['code']}`: “{error['message'][:160]}”"


@dataclass(frozen=True, slots=True)
class Received:
    """Everything received on one connection, and whether the server closed it."""

    raw: bytes
    closed: bool

    def answers(self) -> list[Answer]:
        """Parse the responses in order; fail on one that is not HTTP."""
        found, rest = [], self.raw
        if self.raw and not self.raw.startswith(b"HTTP/"):
            # HTTP/0.9 has no headers.
            return [Answer(0, (), self.raw)]
        while rest:
            answer, rest = _first(rest)
            found.append(answer)
        return found

    def describe(self) -> str:
        """Describe the responses."""
        if not self.raw:
            return "closed without a response" if self.closed else "no answer"
        return ", then ".join(answer.describe() for answer in self.answers()) + (", closed" if self.closed else "")


class Wire:
    """A connection on which any bytes can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Send, as far as the server accepts it."""
        with suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    async def receive(self, first: float = FIRST_SECONDS, quiet: float = QUIET_SECONDS) -> Received:
        """Read until the server closes, or is silent."""
        raw = bytearray()
        try:
            while True:
                async with asyncio.timeout(quiet if raw else first):
                    piece = await self.reader.read(1 << 16)
                if not piece:
                    return Received(bytes(raw), closed=True)
                raw += piece
        except TimeoutError:
            return Received(bytes(raw), closed=False)
        except OSError:
            return Received(bytes(raw), closed=True)


@asynccontextmanager
async def dial(url: str, address: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """Connect to a server, from one of this machine's addresses."""
    server = urlsplit(url)
    reader, writer = await asyncio.open_connection(server.hostname, server.port, local_addr=(address, 0))
    try:
        yield Wire(reader, writer)
    finally:
        # Aborted: a server that still has data to send would delay a close.
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def exchange(url: str, *sent: bytes, first: float = FIRST_SECONDS, quiet: float = QUIET_SECONDS) -> Received:
    """Send on a new connection, and return what comes back."""
    async with dial(url) as wire:
        for piece in sent:
            await wire.send(piece)
        return await wire.receive(first, quiet)


def request(method: str, path: str, *headers: str, body: bytes = b"", host: str = "localhost") -> bytes:
    """Build a request; its length is declared unless a header declares one."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def _first(raw: bytes) -> tuple[Answer, bytes]:
    head, mark, rest = raw.partition(b"\r\n\r\n")
    assert mark, f"no end of a head in {raw[:200]!r}"
    status, *lines = head.split(b"\r\n")
    status_line = _STATUS.fullmatch(status)
    assert status_line is not None, status
    headers = []
    for line in lines:
        found = _HEADER.fullmatch(line)
        assert found is not None, line
        headers.append((found[1].decode().lower(), found[2].decode("latin-1")))
    answer = Answer(int(status_line[1]), headers, b"")
    body, rest = _body(answer, rest)
    return Answer(answer.status, headers, body), rest


def _body(answer: Answer, rest: bytes) -> tuple[bytes, bytes]:
    if answer.status == 101:
        return rest, b""
    if answer.status in {204, 304} or answer.status < 200:
        return b"", rest
    if answer.header("transfer-encoding") == "chunked":
        return _chunks(rest)
    length = answer.header("content-length")
    return (rest[: int(length)], rest[int(length) :]) if length else (rest, b"")


def _chunks(rest: bytes) -> tuple[bytes, bytes]:
    """Parse chunks; a truncated body ends where it was truncated."""
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return body, rest


def _frames(rest: bytes) -> str:
    """Describe a server's frames: the number of text frames, and the close."""
    texts, close = 0, ""
    while len(rest) >= 2:
        opcode, size, start = rest[0] & 0x0F, rest[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(rest[2:start], "big")
        payload, rest = rest[start : start + size], rest[start + size :]
        texts += opcode == 1
        if opcode == 8:
            close = f", close code {int.from_bytes(payload[:2], 'big')} “{payload[2:].decode()}”"
    return (f", {texts} messages" if texts else "") + close
