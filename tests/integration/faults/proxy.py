"""A TCP proxy that injects network faults, in front of an upstream or of the gateway.

A fault is data: a `Mode`. Bytes are counted in the direction of the response, from the server to the client.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from gateway.net.tcp import reset

READ_SIZE = 64 * 1024
MAX_RECORDED_BYTES = 64 * 1024
"""Maximum bytes recorded of what the client sends on one connection."""

BANDWIDTH_STEPS = 20
"""Writes per second of limited bandwidth."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Forward everything as it arrives."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Forward everything, in both directions, `seconds` later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset both sides after `after` bytes of the response; 0: as soon as the request has arrived."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class HalfClose:
    """After `after` bytes of the response, send FIN to the client, and keep reading what it sends."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class BlackHole:
    """After `after` bytes of the response, forward nothing and close nothing; 0: not even the request."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class ByteByByte:
    """Forward the response one byte at a time, each in a segment of its own; after `first` bytes, as it arrives."""

    first: int = sys.maxsize


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Forward at most `per_second` bytes of the response per second."""

    per_second: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stop listening: connections are refused."""


@dataclass(frozen=True, slots=True)
class FullBacklog:
    """Listen with a full backlog: the system drops SYN packets, so that connecting never ends."""


Mode = Pass | Latency | Reset | HalfClose | BlackHole | ByteByByte | Bandwidth | Refuse | FullBacklog
Side = Literal["client", "server", "proxy"]


@dataclass(eq=False, slots=True)
class Connection:
    """One connection: what the client sent, how many bytes it got, and which side ended it first."""

    mode: Mode
    sent: bytearray = field(default_factory=bytearray)
    response_bytes: int = 0
    ended_by: Side | None = None

    def calls(self, mark: bytes) -> int:
        """Return how often the client sent these bytes."""
        return self.sent.count(mark)

    def was_reused_after(self, mark: bytes) -> bool:
        """Return True if the client sent another request after the last one with these bytes."""
        return b"POST /" in self.sent[self.sent.rfind(mark) :]

    def record_end(self, side: Side) -> None:
        """Record the side that ended the connection; only the first is the cause."""
        if self.ended_by is None:
            self.ended_by = side


class Proxy:
    """Forwards to `target` (an HTTP URL) while it is entered; it listens on `address`.

    Each new connection gets the next of the modes, and the last one when there are no more.
    """

    def __init__(self, target: str, *modes: Mode) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path
        self._modes: Sequence[Mode] = modes or (Pass(),)
        self._used_modes = 0
        self._chooser: Callable[[], Mode] | None = None
        self._own_port = 0
        self._server: asyncio.Server | None = None
        self._idle_sockets: list[socket.socket] = []
        self._serving: set[asyncio.Task[None]] = set()
        self.connections: list[Connection] = []

    @property
    def address(self) -> str:
        """Return the target's URL with the proxy's address."""
        return f"http://127.0.0.1:{self._own_port}{self._path}"

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def set_modes(self, *modes: Mode) -> None:
        """Reset all connections; use these modes for new ones."""
        self._chooser = None
        self._modes, self._used_modes = modes, 0
        await self._close()
        await self._open()

    def set_chooser(self, chooser: Callable[[], Mode]) -> None:
        """Call `chooser` for the mode of each new connection; not `Refuse` or `FullBacklog`, which need all of them."""
        self._chooser = chooser

    def reset_all(self) -> int:
        """Reset all open connections; return their number."""
        for task in self._serving:
            task.cancel()
        return len(self._serving)

    async def _open(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._own_port))
        self._own_port = listening.getsockname()[1]
        match self._modes[0]:
            case Refuse():
                # Bound and not listening: the port stays reserved, and refuses connections.
                self._idle_sockets.append(listening)
            case FullBacklog():
                listening.listen(0)
                self._idle_sockets.append(listening)
                for _ in range(2):
                    pending = socket.socket()
                    pending.setblocking(False)
                    pending.connect_ex(("127.0.0.1", self._own_port))
                    self._idle_sockets.append(pending)
            case _:
                self._server = await asyncio.start_server(self._serve, sock=listening, backlog=1024)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for idle in self._idle_sockets:
            idle.close()
        self._idle_sockets.clear()
        self.reset_all()
        while self._serving:
            await asyncio.wait(self._serving)

    def _next_mode(self) -> Mode:
        if self._chooser is not None:
            return self._chooser()
        mode = self._modes[min(self._used_modes, len(self._modes) - 1)]
        self._used_modes += 1
        return mode

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._next_mode())
        self.connections.append(connection)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            await _Relay(connection, reader, writer).run(self._host, self._port)
        except asyncio.CancelledError:
            # Only `reset_all` cancels. The server's callback must not report it as an error.
            connection.record_end("proxy")


class _Relay:
    """One connection of a client, and the one to the server."""

    def __init__(self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self._server_writer: asyncio.StreamWriter | None = None

    async def run(self, host: str, port: int) -> None:
        """Forward until both directions have ended; close both sides."""
        try:
            if isinstance(self._connection.mode, BlackHole) and not self._connection.mode.after:
                await self._discard_request()
            else:
                server_reader, self._server_writer = await asyncio.open_connection(host, port)
                await self._relay(server_reader, self._server_writer)
        except OSError:
            # A reset of one side resets the other one.
            pass
        finally:
            self._reset()

    async def _relay(self, server_reader: asyncio.StreamReader, server_writer: asyncio.StreamWriter) -> None:
        request = asyncio.create_task(self._forward_request(server_writer))
        response = asyncio.create_task(self._forward_response(server_reader))
        try:
            done, _ = await asyncio.wait({request, response}, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            request.cancel()
            response.cancel()
            await asyncio.gather(request, response, return_exceptions=True)
        # Both sides have ended cleanly.
        for writer in (self._writer, server_writer):
            writer.close()

    async def _discard_request(self) -> None:
        while await self._read(self._reader, READ_SIZE):
            pass

    async def _forward_request(self, writer: asyncio.StreamWriter) -> None:
        mode = self._connection.mode
        await self._forward(self._reader, writer, mode.seconds if isinstance(mode, Latency) else 0.0)
        if isinstance(mode, BlackHole):
            raise ConnectionResetError
        await _finish(writer)

    async def _forward_response(self, reader: asyncio.StreamReader) -> None:
        mode = self._connection.mode
        match mode:
            case Latency(seconds):
                await self._forward(reader, self._writer, seconds)
            case Reset(after) | HalfClose(after) | BlackHole(after):
                if await self._forward_bytes(reader, after):
                    await self._inject_fault(mode)
                    return
            case ByteByByte(first):
                await self._forward_slowly(reader, 1, 0.0, first)
                await self._forward(reader, self._writer, 0.0)
            case Bandwidth(per_second):
                size = max(1, per_second // BANDWIDTH_STEPS)
                await self._forward_slowly(reader, size, size / per_second)
            case _:
                await self._forward(reader, self._writer, 0.0)
        await _finish(self._writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        """Forward until the end of the input, each read `delay` seconds after it arrived."""
        loop = asyncio.get_running_loop()
        reads: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1024)

        async def write() -> None:
            while (read := await reads.get())[1]:
                await asyncio.sleep(read[0] - loop.time())
                await self._write(writer, read[1])

        writing = asyncio.create_task(write()) if delay else None
        try:
            while data := await self._read(reader, READ_SIZE):
                if writing is None:
                    await self._write(writer, data)
                else:
                    await reads.put((loop.time() + delay, data))
            if writing is not None:
                await reads.put((0.0, b""))
                await writing
        finally:
            if writing is not None:
                writing.cancel()

    async def _forward_bytes(self, reader: asyncio.StreamReader, size: int) -> bool:
        """Forward `size` bytes; return False if the response ended before."""
        left = size
        while left:
            data = await self._read(reader, left)
            if not data:
                return False
            left -= len(data)
            await self._write(self._writer, data)
        return True

    async def _inject_fault(self, mode: Reset | HalfClose | BlackHole) -> None:
        # With `after` 0 nothing was forwarded yet: wait for the request.
        while not self._connection.sent:
            await asyncio.sleep(0)
        match mode:
            case Reset():
                self._connection.record_end("proxy")
                raise ConnectionResetError
            case HalfClose():
                self._connection.record_end("proxy")
                await _finish(self._writer)
            case BlackHole():
                await asyncio.get_running_loop().create_future()

    async def _forward_slowly(
        self, reader: asyncio.StreamReader, size: int, pause: float, count: int = sys.maxsize
    ) -> None:
        """Forward reads of at most `size` bytes, `count` of them or to the end."""
        while count and (data := await self._read(reader, size)):
            count -= 1
            await self._write(self._writer, data)
            await asyncio.sleep(pause)

    async def _read(self, reader: asyncio.StreamReader, size: int) -> bytes:
        side: Side = "client" if reader is self._reader else "server"
        try:
            data = await reader.read(min(size, READ_SIZE))
        except OSError:
            self._connection.record_end(side)
            raise
        if not data:
            self._connection.record_end(side)
        elif side == "client":
            sent = self._connection.sent
            sent += data[: max(0, MAX_RECORDED_BYTES - len(sent))]
        return data

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        try:
            writer.write(data)
            await writer.drain()
        except OSError:
            self._connection.record_end("client" if writer is self._writer else "server")
            raise
        if writer is self._writer:
            self._connection.response_bytes += len(data)

    def _reset(self) -> None:
        for writer in (self._writer, self._server_writer):
            if writer is not None and not writer.is_closing():
                reset(writer.transport)


async def _finish(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    if writer.can_write_eof() and not writer.is_closing():
        writer.write_eof()
