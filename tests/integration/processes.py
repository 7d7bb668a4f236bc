"""Real processes for the tests, which always end them, and a TCP proxy whose connections can be reset."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import pytest

from gateway.net.tcp import reset
from tests.shared_store import own_deployment

T = TypeVar("T")

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 60.0
END_SECONDS = 15.0
_FLOW_SECONDS = 0.02


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed; call `missing` if none is.

    The virtual environment is searched, too, also when it is not activated.
    """
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
    path = next(filter(None, (shutil.which(name, path=folders) for name in names)), None)
    return path or missing(f"{' or '.join(names)} is not installed")


def missing(reason: str) -> NoReturn:
    """Skip the test; fail it with `CI=true`, where every program must be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and with CI=true nothing is skipped", pytrace=False)
    pytest.skip(reason)


class Process:
    """A running program; its output is kept for the report of a test that fails."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path = CHECKOUT) -> None:
        self.name = " ".join(command[1:4])
        self._lines: list[str] = []
        self._has_output = threading.Condition()
        self._has_ended = False
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_output, name=f"output of {self.name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """Return its output so far."""
        return "".join(self._lines)

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """Wait until its output matches the pattern; return the match."""
        with self._has_output:
            self._has_output.wait_for(lambda: self._has_ended or re.search(pattern, self.output), seconds)
            if match := re.search(pattern, self.output):
                return match
        reason = f"ended with code {self._process.wait(END_SECONDS)}" if self._has_ended else f"took over {seconds:g} s"
        pytest.fail(f"{self.name} {reason}, and never printed {pattern!r}:\n{self.output}", pytrace=False)

    def wait(self, seconds: float) -> int:
        """Wait until it has ended by itself, or by a signal; return its exit code."""
        code = self._process.wait(seconds)
        self._close_output()
        return code

    def end(self) -> None:
        """Terminate it; kill it if it does not end in time."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_output()

    def _close_output(self) -> None:
        self._reader.join(END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read_output(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._add_line(line)
        self._add_line("", has_ended=True)

    def _add_line(self, line: str, *, has_ended: bool = False) -> None:
        with self._has_output:
            self._lines.append(line)
            self._has_ended = has_ended
            self._has_output.notify_all()


class Server(Process):
    """A program that listens on `url`, and a proxy with a certificate on `tls_url`, too."""

    url: str
    tls_url: str


@contextmanager
def gateway(*arguments: str, **settings: object) -> Iterator[Server]:
    """Run `dualstream serve` on a free port; `settings` are those of gateway/config, such as `max_concurrent=1`.

    Without a `store`, it has that of the suites (`tests/shared_store.py`).
    """
    # No wait at the end for generations that no test reads.
    values = {"drain_timeout": 0, **settings}
    variables = {f"DUALSTREAM_{name.upper()}": str(value) for name, value in values.items()}
    if "store" not in settings:
        variables.update(own_deployment())
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", *arguments]
    with serving(command, r"Dualstream listens on (http://\S+)", variables) as server:
        yield server


@contextmanager
def simulator() -> Iterator[Server]:
    """Run `dualstream simulate` on a free port; `url` is without the `/v1` of its API."""
    command = [sys.executable, "-m", "gateway", "simulate", "--port", "0"]
    with serving(command, r"The simulator listens on (http://\S+)/v1", {}) as server:
        yield server


@contextmanager
def serving(command: Sequence[str], pattern: str, variables: Mapping[str, str]) -> Iterator[Server]:
    """Run a program; `pattern` finds its URL in what it prints."""
    # Without the developer's own settings.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    server = Server(command, {**environment, **variables})
    try:
        server.url = server.wait_for(pattern).group(1)
        yield server
    finally:
        server.end()


class TcpProxy:
    """TCP proxy of a server whose connections can be reset; it listens on `url` while it is entered.

    With `flow`, it forwards at most `flow` bytes of the server every 20 ms; 0 is without a limit.
    """

    def __init__(self, server: str, flow: int = 0) -> None:
        self.flow = flow
        self.refused = 0
        """Connections that it refused while it was down."""
        self._set_target(server)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._listener: asyncio.Server | None = None
        self._sides: dict[asyncio.Transport, None] = {}
        self._sent = bytearray()
        self._is_down = False
        self.url = ""

    def __enter__(self) -> "TcpProxy":
        self._thread.start()
        port = self._run(self._listen())
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def sent(self) -> str:
        """Return what clients have sent since the last reset."""
        return self._sent.decode("latin-1")

    def cut(self) -> int:
        """Reset all connections on both sides, as a network failure does; return their number."""
        return self._run(self._cut())

    def redirect(self, server: str) -> None:
        """Reset all connections, and connect new ones with another server."""
        self._set_target(server)
        self.cut()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Reset all connections and refuse new ones, within the context."""
        self._is_down = True
        self.cut()
        try:
            yield
        finally:
            self._is_down = False

    def _set_target(self, server: str) -> None:
        target = urlsplit(server)
        self._host, self._port = target.hostname or "", target.port or 80

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(END_SECONDS)

    async def _listen(self) -> int:
        self._listener = await self._loop.create_server(lambda: _ClientSide(self), "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._cut()

    async def _cut(self) -> int:
        count = len(self._sides) // 2
        self._sent.clear()
        for transport in tuple(self._sides):
            reset(transport)
        return count

    def record(self, data: bytes) -> None:
        """Record what a client has sent."""
        self._sent.extend(data)

    async def connect(self, client_side: "_ClientSide") -> None:
        """Connect a client with the server."""
        if self._is_down:
            self.refused += 1
            client_side.transport.abort()
            return
        try:
            _, server_side = await self._loop.create_connection(lambda: _ServerSide(self), self._host, self._port)
        except OSError:
            client_side.transport.abort()
            return
        client_side.other, server_side.other = server_side.transport, client_side.transport
        if client_side.transport.is_closing():
            server_side.transport.abort()
        else:
            client_side.transport.resume_reading()

    def opened(self, transport: asyncio.Transport) -> None:
        """Add one side of a connection."""
        self._sides[transport] = None

    def closed(self, transport: asyncio.Transport) -> None:
        """Remove one side of a connection."""
        self._sides.pop(transport, None)


class _Side(asyncio.Protocol):
    """One side of a connection: it forwards what it receives to the other one."""

    transport: asyncio.Transport
    other: asyncio.Transport | None = None

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._proxy.opened(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.closed(self.transport)
        if self.other is not None:
            self.other.close()


class _ServerSide(_Side):
    """The side of the server; what it sends can be slowed down."""

    def __init__(self, proxy: TcpProxy) -> None:
        super().__init__(proxy)
        self._buffer = bytearray()
        self._flushing: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._flushing is None:
            self._flush()

    def _flush(self) -> None:
        size = self._proxy.flow or len(self._buffer)
        super().data_received(bytes(self._buffer[:size]))
        del self._buffer[:size]
        self._flushing = asyncio.get_running_loop().call_later(_FLOW_SECONDS, self._flush) if self._buffer else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
        super().data_received(bytes(self._buffer))
        super().connection_lost(exc)


class _ClientSide(_Side):
    """The side of a client; it is read once the server is connected."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._proxy.connect(self))

    def data_received(self, data: bytes) -> None:
        self._proxy.record(data)
        super().data_received(data)
