"""A TCP link between a gateway and its store, whose faults begin and end while connections are open."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Self, cast

from gateway.net.tcp import reset

MAX_HELD: Final = 1 << 20
"""Maximum bytes that are held for each side while the link carries nothing."""

PIECE: Final = 8192
"""Maximum bytes that a slow link carries at once."""


@dataclass(eq=False)
class _Side(asyncio.Protocol):
    """One end of a connection. What it receives goes to the other end, as far as the link carries it."""

    link: "Link"
    other: "_Side | None" = None
    transport: asyncio.Transport | None = None
    _held: list[bytes] = field(default_factory=list)
    _late: deque[bytes] = field(default_factory=deque)
    """What is late, in its order: what comes later must not overtake it."""
    _free_at: float = 0.0
    """When all before has been carried, at the link's rate."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.link.sides[self] = None

    def data_received(self, data: bytes) -> None:
        if not self.link.delay and not self.link.rate and not self._late:
            self.forward(data)
            return
        loop = asyncio.get_running_loop()
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self._free_at = max(loop.time(), self._free_at) + (len(piece) / self.link.rate if self.link.rate else 0.0)
            self._late.append(piece)
            loop.call_at(self._free_at + self.link.delay, self._forward_late)

    def _forward_late(self) -> None:
        self.forward(self._late.popleft())

    def forward(self, data: bytes) -> None:
        """Send to the other end, or hold it: nothing is lost by a link that carries nothing for some time."""
        other = self.other.transport if self.other is not None else None
        if other is None or self.link.is_frozen:
            if sum(map(len, self._held)) < MAX_HELD:
                self._held.append(data)
        elif not other.is_closing():
            if self.link.cut_after is not None:
                data = data[: self.link.cut_after]
                self.link.cut_after -= len(data)
            other.write(data)
            if self.link.cut_after == 0:
                self.link.cut_after = None
                self.link.reset()

    def flush(self) -> None:
        """Send what was held."""
        held, self._held = self._held, []
        for data in held:
            self.forward(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.sides.pop(self, None)
        if self.other is not None and self.other.transport is not None and not self.link.is_frozen:
            self.other.transport.close()


class Link:
    """Forwards connections to a port of this machine, while it is entered; it listens on `port`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay = 0.0
        """Seconds by which everything is late, in each direction."""
        self.rate = 0.0
        """Bytes per second of each connection in each direction; 0: as many as come."""
        self.is_frozen = False
        """Nothing is carried, and nothing is closed: a black hole. Connections are accepted, as by a full buffer."""
        self.is_down = False
        """New connections are reset."""
        self.cut_after: int | None = None
        """Number of bytes after which all connections are reset."""
        self.sides: dict[_Side, None] = {}
        self._server: asyncio.Server | None = None
        self._connecting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        self.reset()

    def freeze(self) -> None:
        """Carry nothing from now on."""
        self.is_frozen = True

    def thaw(self) -> None:
        """Carry again, first what was held."""
        self.is_frozen = False
        for side in tuple(self.sides):
            side.flush()

    def reset(self) -> int:
        """Reset all connections; return their number."""
        sides = tuple(self.sides)
        for side in sides:
            if side.transport is not None:
                reset(side.transport)
        return len(sides) // 2

    def break_half(self) -> None:
        """Reset the store's ends alone: the gateway's ends stay open, and no reply comes any more."""
        for side in tuple(self.sides):
            if side.other is not None and isinstance(side, _ServerSide) and side.transport is not None:
                side.other.other, side.other = None, None
                reset(side.transport)

    def switch(self, target: int) -> None:
        """Reset all connections; lead new ones to another port."""
        self.target = target
        self.reset()

    def _accept(self) -> asyncio.Protocol:
        side = _ClientSide(self)
        task = asyncio.get_running_loop().create_task(self._connect(side))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return side

    async def _connect(self, side: _Side) -> None:
        server = _ServerSide(self, side)
        try:
            if self.is_down:
                raise ConnectionResetError
            while self.is_frozen:
                await asyncio.sleep(0.01)
            await asyncio.get_running_loop().create_connection(lambda: server, "127.0.0.1", self.target)
        except OSError:
            if side.transport is not None:
                reset(side.transport)
            return
        side.other = server
        if side.transport is None or side.transport.is_closing():
            if server.transport is not None:
                reset(server.transport)
        else:
            side.flush()


class _ClientSide(_Side):
    """The gateway's end."""


class _ServerSide(_Side):
    """The store's end."""
