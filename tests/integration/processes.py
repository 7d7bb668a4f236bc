"""Real processes for the tests, always ended, and a wire to them that can be cut."""

import asyncio
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import pytest

T = TypeVar("T")

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 60.0
END_SECONDS = 15.0
_PACE_SECONDS = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger


def program(*names: str) -> str:
    """Find the first of these programs that is installed; without one, see `missing`."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or missing(f"{' or '.join(names)} is not installed")


def missing(reason: str) -> NoReturn:
    """Skip the test on a laptop; fail it where `CI=true` promises that everything is there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and with CI=true nothing is skipped", pytrace=False)
    pytest.skip(reason)


class Process:
    """A program that runs; all that it says is kept, for the report of a test that fails."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = " ".join(command[1:4])
        self._said: list[str] = []
        self._spoke = threading.Condition()
        self._silent = False
        self._process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._listener = threading.Thread(target=self._listen, name=f"output of {self.name}", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it said so far."""
        return "".join(self._said)

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """Wait until its output holds the pattern."""
        with self._spoke:
            self._spoke.wait_for(lambda: self._silent or re.search(pattern, self.output), seconds)
            if found := re.search(pattern, self.output):
                return found
        why = f"ended with code {self._process.wait(END_SECONDS)}" if self._silent else f"took over {seconds:g} s"
        pytest.fail(f"{self.name} {why}, and never said {pattern!r}:\n{self.output}", pytrace=False)

    def end(self) -> None:
        """End it, by force if need be."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _listen(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._hear(line)
        self._hear("", silent=True)

    def _hear(self, line: str, *, silent: bool = False) -> None:
        with self._spoke:
            self._said.append(line)
            self._silent = silent
            self._spoke.notify_all()


class Server(Process):
    """A program that listens: `url` is where."""

    url: str


@contextmanager
def gateway(*arguments: str, **settings: object) -> Iterator[Server]:
    """Run `dualstream serve` on a free port; settings are those of gateway/config.py, as `max_concurrent=1`."""
    # Nobody should wait for answers that no test reads any more.
    chosen = {"drain_timeout": 0, **settings}
    variables = {f"DUALSTREAM_{name.upper()}": str(value) for name, value in chosen.items()}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", *arguments]
    with _serving(command, r"Dualstream listens on (http://\S+)", variables) as server:
        yield server


@contextmanager
def simulator() -> Iterator[Server]:
    """Run `dualstream simulate` on a free port; `url` is without the `/v1` of its API."""
    command = [sys.executable, "-m", "gateway", "simulate", "--port", "0"]
    with _serving(command, r"The simulator listens on (http://\S+)/v1", {}) as server:
        yield server


@contextmanager
def _serving(command: Sequence[str], says: str, variables: Mapping[str, str]) -> Iterator[Server]:
    # What the developer has set for a gateway of their own is none of the test's.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    server = Server(command, {**ours, **variables})
    try:
        server.url = server.wait_for(says).group(1)
        yield server
    finally:
        server.end()


class Wire:
    """The way to a server by a detour that can be cut; listens on `url` while it is entered.

    What the server sends comes at `flow` bytes in each fiftieth of a second, as long as that is not 0.
    """

    def __init__(self, server: str, flow: int = 0) -> None:
        self.flow = flow
        target = urlsplit(server)
        self._host, self._port = target.hostname or "", target.port or 80
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire")
        self._listener: asyncio.Server | None = None
        self._ends: dict[asyncio.Transport, None] = {}
        self._sent = bytearray()
        self._is_down = False
        self.url = ""

    def __enter__(self) -> "Wire":
        self._thread.start()
        port = self._do(self._listen())
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def sent(self) -> str:
        """What clients have sent since the last cut."""
        return self._sent.decode("latin-1")

    def cut(self) -> int:
        """Reset all connections on both sides, as a lost network would; give how many there were."""
        return self._do(self._cut())

    @contextmanager
    def down(self) -> Iterator[None]:
        """Cut it, and let nobody through for a while."""
        self._is_down = True
        self.cut()
        try:
            yield
        finally:
            self._is_down = False

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(END_SECONDS)

    async def _listen(self) -> int:
        self._listener = await self._loop.create_server(lambda: _Caller(self), "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._cut()

    async def _cut(self) -> int:
        count = len(self._ends) // 2
        self._sent.clear()
        for transport in tuple(self._ends):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
        return count

    def note(self, data: bytes) -> None:
        """Keep what a client has sent."""
        self._sent.extend(data)

    async def call(self, caller: "_Caller") -> None:
        """Connect a caller with the server."""
        if self._is_down:
            caller.transport.abort()
            return
        try:
            _, callee = await self._loop.create_connection(lambda: _Callee(self), self._host, self._port)
        except OSError:
            caller.transport.abort()
            return
        caller.other, callee.other = callee.transport, caller.transport
        if caller.transport.is_closing():
            callee.transport.abort()
        else:
            caller.transport.resume_reading()

    def opened(self, transport: asyncio.Transport) -> None:
        """Count an end of a connection in."""
        self._ends[transport] = None

    def closed(self, transport: asyncio.Transport) -> None:
        """Count it out."""
        self._ends.pop(transport, None)


class _End(asyncio.Protocol):
    """One end: what comes in goes out at the other."""

    transport: asyncio.Transport
    other: asyncio.Transport | None = None

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._wire.opened(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.closed(self.transport)
        if self.other is not None:
            self.other.close()


class _Callee(_End):
    """The end where the server is; what it sends can be held back."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._held = bytearray()
        self._pouring: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._pouring is None:
            self._pour()

    def _pour(self) -> None:
        size = self._wire.flow or len(self._held)
        super().data_received(bytes(self._held[:size]))
        del self._held[:size]
        self._pouring = asyncio.get_running_loop().call_later(_PACE_SECONDS, self._pour) if self._held else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pouring is not None:
            self._pouring.cancel()
        super().data_received(bytes(self._held))
        super().connection_lost(exc)


class _Caller(_End):
    """The end where a client called; it is heard once the server has answered the call."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        self._calling = asyncio.get_running_loop().create_task(self._wire.call(self))

    def data_received(self, data: bytes) -> None:
        self._wire.note(data)
        super().data_received(data)
