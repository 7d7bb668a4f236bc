"""The server's protocols without a socket: feeds them a peer's reads and returns what they write."""

import asyncio
import logging
from collections.abc import Sequence
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol

MAX_ITERATIONS = 5000
"""Maximum iterations of the event loop until it must be idle; more are a hang."""

WAIT_SECONDS = 5.0
"""Time for threads that read files."""


class Transport(asyncio.Transport):
    """Keeps what is written. Calls `connection_lost` in a later iteration of the loop, as asyncio's transports do."""

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

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Do nothing: the peer closes after its reads, whatever it gets."""

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


class LoggedErrors(logging.Handler):
    """Collects records logged as errors: applications that failed, exceptions of tasks that were never retrieved."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []
        # Under uvicorn's own configuration, which another test may have loaded, its records do not reach the root.
        self._loggers = [logging.getLogger(), logging.getLogger("uvicorn.error")]

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> "LoggedErrors":
        for logger in self._loggers:
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)

    def raise_first(self) -> None:
        """Raise the first logged error, with its traceback if it has one."""
        for record in self.records:
            if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
                raise record.exc_info[1]
            raise AssertionError(record.getMessage())


class Server:
    """An application behind the server's protocols."""

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
        """Accept a connection and return its transport."""
        return Transport(HttpProtocol(self._config, state, {}))

    async def converse(self, reads: Sequence[bytes], *, wait: bool = True) -> bytes:
        """Send reads to the server, close the connection, and return what the server wrote.

        `wait`: before each read, wait until the server is idle; otherwise send all reads at once.

        Raises:
            Exception: An exception of the protocols or the application.
        """
        state = ServerState()
        with LoggedErrors() as errors:
            transport = self.connect(state)
            try:
                await _send(transport, reads, wait=wait)
            finally:
                transport.close()
                await run_until_idle()
                if state.tasks:
                    await asyncio.wait(state.tasks, timeout=WAIT_SECONDS)
        assert not state.tasks, "a task outlives its client"
        errors.raise_first()
        return bytes(transport.written)


async def _send(transport: Transport, reads: Sequence[bytes], *, wait: bool) -> None:
    for read in reads:
        if wait:
            await run_until_idle()
        if transport.is_closing() or (wait and transport.paused):
            return
        transport.protocol.data_received(read)
    await run_until_idle()


async def run_until_idle() -> bool:
    """Run the event loop until it is idle."""
    ready: Sequence[object] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(MAX_ITERATIONS):
        await asyncio.sleep(0)
        if not ready:
            return True
    message = "the event loop does not become idle"
    raise AssertionError(message)
