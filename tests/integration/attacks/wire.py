"""Bytes on a socket: what no client library would send, and answers read by the letter."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

FIRST_SECONDS: Final = 3.0
"""How long an answer may take that may not come at all."""

QUIET_SECONDS: Final = 0.5
"""After so much silence behind an answer, no other one is waited for."""

CLOSE: Final = "Connection: close"
"""With it the end of an answer shows at once."""

_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) [\x20-\x7e]*")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff]*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names in lower case, in the order in which they came."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Give a header that must be there at most once; "" if it is not."""
        found = [value for known, value in self.headers if known == name]
        assert len(found) <= 1, (name, found)
        return found[0] if found else ""

    def says(self) -> str:
        """Write it down: the status, and what our own error says. What has no head has status 0."""
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
class Heard:
    """All that came back on one connection, and whether the server closed it."""

    raw: bytes
    closed: bool

    def answers(self) -> list[Answer]:
        """Read it as answers, one after the other; an answer that is not HTTP fails."""
        found, rest = [], self.raw
        if self.raw and not self.raw.startswith(b"HTTP/"):
            # HTTP/0.9 has no heads.
            return [Answer(0, (), self.raw)]
        while rest:
            answer, rest = _first(rest)
            found.append(answer)
        return found

    def says(self) -> str:
        """Write it down."""
        if not self.raw:
            return "closed without a word" if self.closed else "no answer"
        return ", then ".join(answer.says() for answer in self.answers()) + (", closed" if self.closed else "")


class Wire:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Send, as far as the other side takes it."""
        with suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    async def hear(self, first: float = FIRST_SECONDS, quiet: float = QUIET_SECONDS) -> Heard:
        """Read until the server closes, or is silent."""
        raw = bytearray()
        try:
            while True:
                async with asyncio.timeout(quiet if raw else first):
                    piece = await self.reader.read(1 << 16)
                if not piece:
                    return Heard(bytes(raw), closed=True)
                raw += piece
        except TimeoutError:
            return Heard(bytes(raw), closed=False)
        except OSError:
            return Heard(bytes(raw), closed=True)


@asynccontextmanager
async def dial(url: str, address: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """Connect to a server, from one of this machine's addresses."""
    server = urlsplit(url)
    reader, writer = await asyncio.open_connection(server.hostname, server.port, local_addr=(address, 0))
    try:
        yield Wire(reader, writer)
    finally:
        # Aborted: a server that still has something to say would not let it be closed.
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def exchange(url: str, *sent: bytes, first: float = FIRST_SECONDS, quiet: float = QUIET_SECONDS) -> Heard:
    """Send on a connection of its own, and give what comes back."""
    async with dial(url) as wire:
        for piece in sent:
            await wire.send(piece)
        return await wire.hear(first, quiet)


def request(method: str, path: str, *headers: str, body: bytes = b"", host: str = "localhost") -> bytes:
    """Write a request; its length is declared unless a header says how long it is."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def _first(raw: bytes) -> tuple[Answer, bytes]:
    head, mark, rest = raw.partition(b"\r\n\r\n")
    assert mark, f"no end of a head in {raw[:200]!r}"
    status, *lines = head.split(b"\r\n")
    line = _STATUS.fullmatch(status)
    assert line is not None, status
    headers = []
    for one in lines:
        found = _HEADER.fullmatch(one)
        assert found is not None, one
        headers.append((found[1].decode().lower(), found[2].decode("latin-1")))
    answer = Answer(int(line[1]), headers, b"")
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
    """Read chunks; a body that was cut ends where it was cut."""
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return body, rest


def _frames(rest: bytes) -> str:
    """Write down a server's frames: how many texts, and the close."""
    texts, said = 0, ""
    while len(rest) >= 2:
        opcode, size, start = rest[0] & 0x0F, rest[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(rest[2:start], "big")
        payload, rest = rest[start : start + size], rest[start + size :]
        texts += opcode == 1
        if opcode == 8:
            said = f", close code {int.from_bytes(payload[:2], 'big')} “{payload[2:].decode()}”"
    return (f", {texts} messages" if texts else "") + said
