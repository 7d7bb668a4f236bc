"""A TCP proxy that does to connections what networks do to them. Stands before an upstream, or before the gateway.

What is done is data, a `Mode`. Bytes are counted in the direction of the answer, from the server to the client.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST."""

PIECE = 64 * 1024
HELD_UP_BYTES = 64 * 1024
"""Of what the client sent on one connection, how much is kept."""

BANDWIDTH_STEPS = 20
"""Pieces in a second of limited bandwidth."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Forward everything as it comes."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Forward everything, both ways, so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset both sides after so many bytes of the answer; 0: as soon as the request has come."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class HalfClose:
    """After so many bytes of the answer, end our sending side to the client (FIN), and go on reading what it sends."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class BlackHole:
    """After so many bytes of the answer, forward nothing more and close nothing; 0: not even the request."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class ByteByByte:
    """Forward the answer one byte at a time, each in a segment of its own."""


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Forward at most so many bytes of the answer in a second."""

    per_second: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Listen no more: connecting is refused."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """Listen, but accept nobody: connecting takes for ever (its queue is full, so the system drops what knocks)."""


Mode = Pass | Latency | Reset | HalfClose | BlackHole | ByteByByte | Bandwidth | Refuse | Deaf
Side = Literal["client", "server", "proxy"]


@dataclass(eq=False, slots=True)
class Connection:
    """What became of one connection: what the client sent, how much came back, and who ended it first."""

    mode: Mode
    sent: bytearray = field(default_factory=bytearray)
    answered: int = 0
    ended_by: Side | None = None

    def calls(self, mark: bytes) -> int:
        """Count how often the client sent these bytes."""
        return self.sent.count(mark)

    def ended(self, side: Side) -> None:
        """Note who ended it; only the first is the cause."""
        if self.ended_by is None:
            self.ended_by = side


class Proxy:
    """Forwards to `target` (an http URL) while it is entered; `address` is where it listens.

    Each new connection takes the next of its modes; the last of them serves all others.
    """

    def __init__(self, target: str, *modes: Mode) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path
        self._modes: Sequence[Mode] = modes or (Pass(),)
        self._taken = 0
        self._choose: Callable[[], Mode] | None = None
        self._own_port = 0
        self._server: asyncio.Server | None = None
        self._idle_sockets: list[socket.socket] = []
        self._serving: set[asyncio.Task[None]] = set()
        self.connections: list[Connection] = []

    @property
    def address(self) -> str:
        """The target's URL, by way of us."""
        return f"http://127.0.0.1:{self._own_port}{self._path}"

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def become(self, *modes: Mode) -> None:
        """Cut all connections and do this to the new ones."""
        self._choose = None
        self._modes, self._taken = modes, 0
        await self._close()
        await self._open()

    def choose(self, how: Callable[[], Mode]) -> None:
        """Ask this for the mode of each new connection from now on; `Refuse` and `Deaf` are none for one alone."""
        self._choose = how

    def cut(self) -> int:
        """Reset what is open now; give how many there were."""
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
                # Bound and not listening: the port stays ours, and refuses.
                self._idle_sockets.append(listening)
            case Deaf():
                listening.listen(0)
                self._idle_sockets.append(listening)
                for _ in range(2):
                    knocking = socket.socket()
                    knocking.setblocking(False)
                    knocking.connect_ex(("127.0.0.1", self._own_port))
                    self._idle_sockets.append(knocking)
            case _:
                self._server = await asyncio.start_server(self._accepted, sock=listening, backlog=1024)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for one in self._idle_sockets:
            one.close()
        self._idle_sockets.clear()
        self.cut()
        while self._serving:
            await asyncio.wait(self._serving)

    def _next_mode(self) -> Mode:
        if self._choose is not None:
            return self._choose()
        mode = self._modes[min(self._taken, len(self._modes) - 1)]
        self._taken += 1
        return mode

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._next_mode())
        self.connections.append(connection)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            await _Relay(connection, reader, writer).run(self._host, self._port)
        except asyncio.CancelledError:
            # We are the only one who cancels: `cut`. The server's callback must not see it as a failure.
            connection.ended("proxy")


class _Relay:
    """One connection and its counterpart."""

    def __init__(self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self._server_writer: asyncio.StreamWriter | None = None

    async def run(self, host: str, port: int) -> None:
        """Forward until it is over; leaves both sides closed."""
        try:
            if isinstance(self._connection.mode, BlackHole) and not self._connection.mode.after:
                await self._swallow()
            else:
                server_reader, self._server_writer = await asyncio.open_connection(host, port)
                await self._relay(server_reader, self._server_writer)
        except OSError:
            # A side that reset is passed on as a reset of the other.
            pass
        finally:
            self._reset()

    async def _relay(self, server_reader: asyncio.StreamReader, server_writer: asyncio.StreamWriter) -> None:
        up = asyncio.create_task(self._up(server_writer))
        down = asyncio.create_task(self._down(server_reader))
        try:
            done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        # Both sides have ended in order.
        for writer in (self._writer, server_writer):
            writer.close()

    async def _swallow(self) -> None:
        while await self._read(self._reader, PIECE):
            pass

    async def _up(self, writer: asyncio.StreamWriter) -> None:
        mode = self._connection.mode
        await self._forward(self._reader, writer, mode.seconds if isinstance(mode, Latency) else 0.0)
        if isinstance(mode, BlackHole):
            raise ConnectionResetError
        await _finish(writer)

    async def _down(self, reader: asyncio.StreamReader) -> None:
        mode = self._connection.mode
        match mode:
            case Latency(seconds):
                await self._forward(reader, self._writer, seconds)
            case Reset(after) | HalfClose(after) | BlackHole(after):
                if await self._some(reader, after):
                    await self._strike(mode)
                    return
            case ByteByByte():
                await self._piecewise(reader, 1, 0.0)
            case Bandwidth(per_second):
                size = max(1, per_second // BANDWIDTH_STEPS)
                await self._piecewise(reader, size, size / per_second)
            case _:
                await self._forward(reader, self._writer, 0.0)
        await _finish(self._writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        """Forward until the end of what comes, each piece so many seconds after it came."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1024)

        async def write() -> None:
            while (piece := await pieces.get())[1]:
                await asyncio.sleep(piece[0] - loop.time())
                await self._write(writer, piece[1])

        writing = asyncio.create_task(write()) if delay else None
        try:
            while data := await self._read(reader, PIECE):
                if writing is None:
                    await self._write(writer, data)
                else:
                    await pieces.put((loop.time() + delay, data))
            if writing is not None:
                await pieces.put((0.0, b""))
                await writing
        finally:
            if writing is not None:
                writing.cancel()

    async def _some(self, reader: asyncio.StreamReader, size: int) -> bool:
        """Forward so many bytes; False if the answer ended before."""
        left = size
        while left:
            data = await self._read(reader, left)
            if not data:
                return False
            left -= len(data)
            await self._write(self._writer, data)
        return True

    async def _strike(self, mode: Reset | HalfClose | BlackHole) -> None:
        # With nothing forwarded yet, the request is to have come first.
        while not self._connection.sent:
            await asyncio.sleep(0)
        match mode:
            case Reset():
                self._connection.ended("proxy")
                raise ConnectionResetError
            case HalfClose():
                self._connection.ended("proxy")
                await _finish(self._writer)
            case BlackHole():
                await asyncio.get_running_loop().create_future()

    async def _piecewise(self, reader: asyncio.StreamReader, size: int, pause: float) -> None:
        while data := await self._read(reader, size):
            await self._write(self._writer, data)
            await asyncio.sleep(pause)

    async def _read(self, reader: asyncio.StreamReader, size: int) -> bytes:
        side: Side = "client" if reader is self._reader else "server"
        try:
            data = await reader.read(min(size, PIECE))
        except OSError:
            self._connection.ended(side)
            raise
        if not data:
            self._connection.ended(side)
        elif side == "client":
            sent = self._connection.sent
            sent += data[: max(0, HELD_UP_BYTES - len(sent))]
        return data

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        try:
            writer.write(data)
            await writer.drain()
        except OSError:
            self._connection.ended("client" if writer is self._writer else "server")
            raise
        if writer is self._writer:
            self._connection.answered += len(data)

    def _reset(self) -> None:
        for writer in (self._writer, self._server_writer):
            if writer is not None and not writer.is_closing():
                reset(writer.transport)


async def _finish(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    if writer.can_write_eof() and not writer.is_closing():
        writer.write_eof()


def reset(transport: asyncio.WriteTransport) -> None:
    """Close a connection by RST."""
    end = transport.get_extra_info("socket")
    if end is not None and end.fileno() >= 0:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
