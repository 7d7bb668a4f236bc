"""The server's protocols without a socket: what a peer sends, read by read, and what it gets back."""

import asyncio
import logging
from collections.abc import Sequence
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol

TURNS = 5000
"""Of the loop, after which what is still not quiet is taken for a hang."""

WAIT_SECONDS = 5.0
"""For threads that read files."""


class Transport(asyncio.Transport):
    """Keeps what is written; ends as asyncio's own do, in a later turn of the loop."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = bytearray()
        self.paused = False
        self.protocol = protocol
        self._closing = False
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self.written += data

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._lost)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.Protocol:
        return self.protocol

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 7) if name in {"peername", "sockname"} else default

    def get_write_buffer_size(self) -> int:
        return 0

    def _lost(self) -> None:
        self.protocol.connection_lost(None)


class Complaints(logging.Handler):
    """What was logged as an error meanwhile: an application that failed, a task that nobody asked."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> "Complaints":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def raise_first(self) -> None:
        """Raise what was logged first, with its traceback where it has one."""
        for record in self.records:
            if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
                raise record.exc_info[1]
            raise AssertionError(record.getMessage())


class Server:
    """An application behind our own protocols."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_per_message_deflate=False,
            ws_max_size=1 << 20,
            ws_ping_interval=None,
            log_config=None,
            access_log=False,
        )
        self._config.load()

    def connect(self, state: ServerState) -> Transport:
        """Let a peer in."""
        return Transport(HttpProtocol(self._config, state, {}))

    async def converse(self, reads: Sequence[bytes], *, answers: bool = True) -> bytes:
        """Let a peer send this and go; give what it got. Without `answers` it sends all before anything runs.

        Raises:
            Exception: what the protocols or the application raised.
        """
        state = ServerState()
        with Complaints() as complaints:
            transport = self.connect(state)
            try:
                await _send(transport, reads, answers=answers)
            finally:
                transport.close()
                await is_quiet()
                if state.tasks:
                    await asyncio.wait(state.tasks, timeout=WAIT_SECONDS)
        assert not state.tasks, "a task outlives its client"
        complaints.raise_first()
        return bytes(transport.written)


async def _send(transport: Transport, reads: Sequence[bytes], *, answers: bool) -> None:
    for read in reads:
        if answers:
            await is_quiet()
        if transport.is_closing() or (answers and transport.paused):
            return
        transport.protocol.data_received(read)
    await is_quiet()


async def is_quiet() -> bool:
    """Let all run that can."""
    ready: Sequence[object] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if not ready:
            return True
    message = "what one client sent never comes to rest"
    raise AssertionError(message)
