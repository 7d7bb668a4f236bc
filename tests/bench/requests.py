"""Count the calls that one short request costs, by layer: `python -m tests.bench.requests [NAME...]`.

A gateway runs in this process, between a provider and a client that run in other threads. The client sends one request
after another; each answer has ten tokens, which the provider sends in one write. The profiler counts what the gateway's
thread calls, from the end of the warm-up on: functions written in Python, and functions of C that Python calls. A
function counts for the layer in whose package it is written, a function of C for the one that calls it. The counts do
not depend on the machine's speed; `tests.bench.instructions` counts instructions of the same requests.

With CALLS=1 in the environment, each function is printed too.
"""

import asyncio
import logging
import os
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
import uvloop

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.server.uvicorn_config import server_config
from gateway.telemetry.logs.format import JsonFormatter
from gateway.telemetry.logs.writer import LogWriter, write_to
from tests.bench.calls import chat_start, masked, sse_start, websocket_handshake
from tests.bench.servers import redis_server

WARM_UP: Final = 50
REQUESTS: Final = 200
TOKENS: Final = 10
SECONDS: Final = 60.0
"""Time limit of each socket operation."""

NAMES: Final = ("sse", "sse-fresh", "sse-redis", "websocket", "websocket-fresh", "chat", "chat-fresh")
"""Our own protocol over each transport, and chat completions; on one connection, or on a fresh one each; with a Redis
that the gateway shares."""

LIMITS: Final = {"rate_limit_per_minute": 0, "max_concurrent": 0}
"""Those of `make bench`: more starts than a client may have."""

START: Final = b'{"type":"start","messages":[{"role":"user","content":"x"}]}'
_ROOT: Final = Path(__file__).parents[2]
_TOKEN: Final = (
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
)
_END: Final = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


ANSWER: Final = b"".join((_HEAD, _chunk(_TOKEN) * TOKENS, _chunk(_END), _chunk(b"")))


class Provider:
    """Answers every call on kept connections, in threads; `port` is where it listens."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        try:
            while True:
                threading.Thread(target=self._answer, args=[self._listening.accept()[0]], daemon=True).start()
        except OSError:
            return

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A call is short: it comes in one read, or its body in a second one.
            while call := connection.recv(1 << 16):
                while not call.endswith(b"}"):
                    call += connection.recv(1 << 16)
                connection.sendall(ANSWER)


class Client:
    """Sends short requests to a gateway, one after another."""

    def __init__(self, name: str, port: int) -> None:
        self._transport, *variants = name.split("-")
        self._is_fresh = "fresh" in variants
        self._port = port
        self._connection: socket.socket | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(self, count: int) -> None:
        """Send requests, and wait for the end of each answer."""
        for _ in range(count):
            if self._connection is None:
                self._connection = self._connect()
            if self._transport == "websocket":
                self._exchange(self._connection, masked(START), b'"complete"')
            else:
                start = sse_start() if self._transport == "sse" else chat_start()
                self._exchange(self._connection, start, b"\r\n0\r\n\r\n")
            if self._is_fresh:
                self.close()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._transport == "websocket":
            self._exchange(connection, websocket_handshake(), b"\r\n\r\n")
        return connection

    def _exchange(self, connection: socket.socket, sent: bytes, end: bytes) -> None:
        connection.sendall(sent)
        received = b""
        while end not in received:
            data = connection.recv(1 << 16)
            if not data:
                message = f"the connection ended: {received[-500:]!r}"
                raise ConnectionError(message)
            received += data


class LayerCounter:
    """Counts the calls of the thread that starts it, while `counting`."""

    def __init__(self) -> None:
        self.counting = False
        self.calls: Counter[tuple[str, str, str]] = Counter()
        """By layer, kind and name."""

    def on_event(self, frame: FrameType, event: str, argument: object) -> None:
        """Count a call; this is the profile function."""
        if not self.counting:
            return
        code = frame.f_code
        if event == "call":
            self.calls[layer(code.co_filename), "Python", f"{Path(code.co_filename).name} {code.co_qualname}"] += 1
        elif event == "c_call":
            name = getattr(argument, "__qualname__", repr(argument))
            self.calls[layer(code.co_filename), "C", f"{name} in {code.co_qualname}"] += 1

    def by_layer(self, kind: str) -> Counter[str]:
        """Return the calls of one kind in each layer, of all requests."""
        counted: Counter[str] = Counter()
        for (called_in, counted_kind, _), calls in self.calls.items():
            if counted_kind == kind:
                counted[called_in] += calls
        return counted


@cache
def layer(filename: str) -> str:
    """Return the package of a source file: two levels of our own, one of others."""
    path = Path(filename)
    if path.is_relative_to(_ROOT) and "site-packages" not in path.parts:
        return ".".join(path.relative_to(_ROOT).with_suffix("").parts[:2])
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    return path.parent.name if path.parent.name == "asyncio" else "stdlib"


@contextmanager
def store_of(name: str) -> Iterator[dict[str, str]]:
    """Run what a variant stores in; yield the settings of its gateway."""
    if not name.endswith("-redis"):
        yield {}
        return
    with tempfile.NamedTemporaryFile("w+b") as log, redis_server(log) as redis:
        yield {"store": f"redis://127.0.0.1:{redis.port}"}


async def _serve(name: str, store: dict[str, str], counter: LayerCounter) -> None:
    provider = Provider()
    upstream = f"http://127.0.0.1:{provider.port}/v1"
    settings = Settings.model_validate({"upstream": upstream, "model": "m", **LIMITS, **store})
    server = uvicorn.Server(server_config(settings, create_app(settings)))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        client = Client(name, listening.getsockname()[1])
        sys.setprofile(counter.on_event)
        try:
            await asyncio.to_thread(client.request, WARM_UP)
            counter.counting = True
            await asyncio.to_thread(client.request, REQUESTS)
            counter.counting = False
        finally:
            sys.setprofile(None)
            client.close()
            provider.close()
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)


def count(name: str) -> LayerCounter:
    """Return the calls of `REQUESTS` requests."""
    counter = LayerCounter()
    null = os.open(os.devnull, os.O_WRONLY)
    handler = LogWriter(write_to(null))
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    with store_of(name) as store, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(name, store, counter))
    handler.close()
    os.close(null)
    return counter


def main(names: list[str]) -> None:
    """Print the calls of one request in each layer."""
    for name in names:
        counter = count(name)
        python, c = counter.by_layer("Python"), counter.by_layer("C")
        print(f"{name}: {python.total() / REQUESTS:.1f} Python and {c.total() / REQUESTS:.1f} C calls per request")
        for called_in, _ in (python + c).most_common():
            print(f"  {python[called_in] / REQUESTS:7.1f} {c[called_in] / REQUESTS:7.1f} {called_in}")
        if os.environ.get("CALLS"):
            for (called_in, kind, function), calls in counter.calls.most_common():
                print(f"    {calls / REQUESTS:6.2f} {kind:6} {called_in:22} {function}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
