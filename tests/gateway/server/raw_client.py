"""A client on a raw socket: it sends any bytes, in any reads, and reads responses and close frames."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson

from gateway.admission.connections import Connections
from gateway.server.http_protocol import HttpProtocol
from tests.served.gateway import Served
from tests.served.viewers import until

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Ends]:
    """Open a connection, for at most 10 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()


async def read_response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[str, object]]:
    """Read one response with a JSON body; return its status, headers and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
    body = orjson.loads(await reader.readexactly(int(headers["content-length"])))
    return int(head[0].split()[1]), headers, body


async def expect_refusal(reader: asyncio.StreamReader, status: int) -> dict[str, object]:
    """Expect an error response and the end of the connection; return the error."""
    found_status, headers, body = await read_response(reader)
    assert (found_status, headers["connection"], headers["content-type"]) == (status, "close", "application/json")
    error = body["error"]
    assert isinstance(error, dict)
    assert set(error) == {"code", "message", "retryable", "retry_after_ms", "param"}
    assert await reader.read() == b""
    return error


def protocols_of(served: Served) -> list[HttpProtocol]:
    """Return the server's protocols of the connections."""
    return [
        protocol
        for protocol in served.protocols
        if isinstance(protocol, HttpProtocol) and not protocol.transport.is_closing()
    ]


async def only_protocol(served: Served) -> HttpProtocol:
    await until(lambda: len(protocols_of(served)) == 1)
    return protocols_of(served)[0]


def counter_of(protocol: HttpProtocol) -> Connections:
    assert protocol._connection_counter is not None
    return protocol._connection_counter


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """Encode a client's frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        length = bytes([128 | size])
    else:
        length = b"\xfe" + struct.pack("!H", size) if size < 1 << 16 else b"\xff" + struct.pack("!Q", size)
    return bytes([(128 if last else 0) | opcode]) + length + bytes(4) + payload


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes, times: int) -> int:
    """Send a piece at most `times` times, until the other end has closed; return how often.

    A connection that is closed before everything was read is reset, and its last response may be lost.
    """
    for sent in range(times):
        try:
            writer.write(piece)
            await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await reader.read(1 << 16)
        except ConnectionError:
            return sent
        if reader.at_eof() or writer.transport.is_closing():
            return sent
    return times


async def close_code(reader: asyncio.StreamReader) -> int:
    """Read up to a close frame; return its code."""
    while (await reader.readexactly(1)) != b"\x88":
        (size,) = await reader.readexactly(1)
        await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0] if size == 126 else size)
    (size,) = await reader.readexactly(1)
    code: int = struct.unpack("!H", (await reader.readexactly(size))[:2])[0]
    return code
