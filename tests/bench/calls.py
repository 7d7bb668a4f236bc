"""Count the calls that one chunk costs: `python -m tests.bench.calls`. The counts do not depend on the machine's speed.

A gateway runs in this process, between a provider and a client that run in other threads. The provider sends the next
chunk when the client has received the one before, so each chunk takes the whole path alone. The profiler counts what
the gateway's thread calls: functions written in Python, and functions of C that Python calls.
"""

import asyncio
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

import uvicorn
import uvloop
from starlette.applications import Starlette

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.server.uvicorn_config import server_config
from tests.bench.provider.apis import (
    Answer,
    ChatCompletion,
    Message,
    PaddedChatCompletion,
    PaddedMessage,
    PaddedResponse,
    Response,
)

WARM_UP: Final = 64
CHUNKS: Final = 400
SECONDS: Final = 30.0
"""Time limit of each socket operation."""

TRANSPORTS: Final = ("sse", "websocket", "chat")
"""Our own protocol over each transport, and chat completions."""

PROJECTED: Final = ("messages", "responses", "ai-sdk", "ag-ui")
"""Other protocols, into which each chunk of the provider is translated."""

PASSED_ON: Final = ("messages-passed-on", "responses-passed-on")
"""APIs of providers that have the same API, whose chunks are passed on; chat completions are passed on, too."""

PADDED: Final = ("sse-padded", "chat-padded", "messages-passed-on-padded", "responses-passed-on-padded")
"""Providers whose chunks have random characters or spaces, as those of OpenAI and Anthropic have."""

_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_ENDS: Final = (b'"complete"', b"[DONE]", b"message_stop", b"response.completed", b"RUN_FINISHED")


class Meter(Protocol):
    """Measures the thread that starts it."""

    def start(self) -> None:
        """Prepare to measure this thread."""

    def on_chunk(self, number: int) -> None:
        """Handle that a chunk has been received, from 0 on. Until this returns, the gateway has nothing to do."""


class CallCounter:
    """Counts the calls of the thread that starts it, while `counting`."""

    def __init__(self) -> None:
        self.counting = False
        self.calls: Counter[tuple[str, str]] = Counter()

    def start(self) -> None:
        """Install the profiler in this thread."""
        sys.setprofile(self._on_event)

    def on_chunk(self, number: int) -> None:
        """Count from the last chunk of the warm-up to the last one of all."""
        if number == WARM_UP - 1:
            self.counting = True
        elif number == WARM_UP + CHUNKS - 1:
            self.counting = False

    def _on_event(self, frame: FrameType, event: str, argument: object) -> None:
        if not self.counting:
            return
        if event == "call":
            code = frame.f_code
            self.calls["Python", f"{Path(code.co_filename).name} {code.co_qualname}"] += 1
        elif event == "c_call":
            self.calls["C", getattr(argument, "__qualname__", repr(argument))] += 1

    def per_chunk(self, kind: str) -> float:
        """Return the calls of one kind, divided by the number of chunks."""
        return sum(count for (counted, _), count in self.calls.items() if counted == kind) / CHUNKS


class _Exchange:
    """The provider and the client, in two threads; `counter` counts from one chunk of the client to another."""

    def __init__(self, transport: str, counter: Meter) -> None:
        self._transport = transport
        self.upstream_api, answer = _PROVIDERS.get(transport, ("openai", ChatCompletion))
        self._answer = answer(1)
        self._counter = counter
        self._received = threading.Semaphore(0)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.upstream_port: int = self._listening.getsockname()[1]

    def provide(self) -> None:
        """Answer one call, chunk by chunk."""
        self._listening.settimeout(SECONDS)
        connection = self._listening.accept()[0]
        with connection, self._listening:
            connection.settimeout(SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(1 << 16)
            connection.sendall(_HEAD + b"".join(map(_chunk, self._answer.begin())))
            for number in range(WARM_UP + CHUNKS):
                connection.sendall(_chunk(self._answer.token(b"w%07d " % number, number)))
                self._received.acquire(timeout=SECONDS)
            connection.sendall(b"".join(map(_chunk, self._answer.end(WARM_UP + CHUNKS))) + b"0\r\n\r\n")
            connection.recv(1)

    def consume(self, port: int) -> None:
        """Start a generation, and release the provider's next chunk at each one that is received."""
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(_STARTS[self._transport]())
            data = b""
            if self._transport == "websocket":
                while b"\r\n\r\n" not in data:
                    data += connection.recv(1 << 16)
                connection.sendall(masked(b'{"type":"start","messages":[{"role":"user","content":"x"}]}'))
            for number in range(WARM_UP + CHUNKS):
                while b"w%07d" % number not in data:
                    received = connection.recv(1 << 16)
                    if not received:
                        message = f"the stream ended: {data[-500:]!r}"
                        raise ConnectionError(message)
                    data = data[-200:] + received
                self._counter.on_chunk(number)
                self._received.release()
            while not any(end in data for end in _ENDS):
                data = data[-200:] + connection.recv(1 << 16)


def sse_start() -> bytes:
    return _post(b"/api/chat/stream", b'{"messages":[{"role":"user","content":"x"}]}')


def chat_start() -> bytes:
    return _post(b"/v1/chat/completions", b'{"stream":true,"messages":[{"role":"user","content":"x"}]}')


def _messages_start() -> bytes:
    body = b'{"model":"m","max_tokens":9999,"stream":true,"messages":[{"role":"user","content":"x"}]}'
    return _post(b"/v1/messages", body)


def _responses_start() -> bytes:
    return _post(b"/v1/responses", b'{"stream":true,"store":false,"input":"x"}')


def _ai_sdk_start() -> bytes:
    message = b'{"id":"u","role":"user","parts":[{"type":"text","text":"x"}]}'
    return _post(b"/api/ai-sdk/chat", b'{"id":"c","trigger":"submit-message","messages":[%b]}' % message)


def _ag_ui_start() -> bytes:
    message, rest = b'{"id":"u","role":"user","content":"x"}', b'"state":{},"tools":[],"context":[],"forwardedProps":{}'
    return _post(b"/api/ag-ui", b'{"threadId":"t","runId":"r","messages":[%b],%b}' % (message, rest))


def _post(path: bytes, body: bytes) -> bytes:
    return _head(b"POST " + path, b"Content-Type: application/json", b"Content-Length: %d" % len(body)) + body


def websocket_handshake() -> bytes:
    return _head(
        b"GET /api/ws",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Protocol: dualstream.v1",
    )


def _head(target: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((target + b" HTTP/1.1", b"Host: localhost", *headers, b"", b""))


def masked(message: bytes) -> bytes:
    """Return a text frame of a client, shorter than 126 bytes, masked with zeros (RFC 6455, 5.3)."""
    return b"\x81%c\0\0\0\0%b" % (0x80 | len(message), message)


_STARTS: Final = {
    "sse": sse_start,
    "websocket": websocket_handshake,
    "chat": chat_start,
    "messages": _messages_start,
    "responses": _responses_start,
    "ai-sdk": _ai_sdk_start,
    "ag-ui": _ag_ui_start,
    "messages-passed-on": _messages_start,
    "responses-passed-on": _responses_start,
    "sse-padded": sse_start,
    "chat-padded": chat_start,
    "messages-passed-on-padded": _messages_start,
    "responses-passed-on-padded": _responses_start,
}

_PROVIDERS: Final[Mapping[str, tuple[str, type[Answer]]]] = {
    "messages-passed-on": ("anthropic", Message),
    "responses-passed-on": ("openai-responses", Response),
    "sse-padded": ("openai", PaddedChatCompletion),
    "chat-padded": ("openai", PaddedChatCompletion),
    "messages-passed-on-padded": ("anthropic", PaddedMessage),
    "responses-passed-on-padded": ("openai-responses", PaddedResponse),
}
"""API of the provider, and how it writes its answer, if these are no chat completions."""


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _serve(exchange: _Exchange, counter: Meter, prepare: Callable[[Starlette], None]) -> None:
    upstream = f"http://127.0.0.1:{exchange.upstream_port}/v1"
    settings = Settings.model_validate({"upstream": upstream, "upstream_api": exchange.upstream_api, "model": "m"})
    app = create_app(settings)
    prepare(app)
    server = uvicorn.Server(server_config(settings, app))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        provider = asyncio.create_task(asyncio.to_thread(exchange.provide))
        counter.start()
        try:
            await asyncio.to_thread(exchange.consume, listening.getsockname()[1])
        finally:
            sys.setprofile(None)
            server.should_exit = True
            await asyncio.gather(provider, serving, return_exceptions=True)


def measure(transport: str, meter: Meter, prepare: Callable[[Starlette], None] = lambda _app: None) -> None:
    """Send `CHUNKS` chunks over a transport after the warm-up; each takes the whole path alone."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(_Exchange(transport, meter), meter, prepare))


def count(transport: str) -> CallCounter:
    """Return the calls of `CHUNKS` chunks over a transport."""
    counter = CallCounter()
    measure(transport, counter)
    return counter


def main() -> None:
    """Print the calls of one chunk over each transport; with CALLS=1 in the environment, each function too."""
    for transport in (*TRANSPORTS, *PROJECTED, *PASSED_ON, *PADDED):
        counter = count(transport)
        python, c = (round(counter.per_chunk(kind)) for kind in ("Python", "C"))
        print(f"{transport}: {python} Python and {c} C calls per chunk")
        if os.environ.get("CALLS"):
            for (kind, name), calls in counter.calls.most_common():
                print(f"  {calls / CHUNKS:6.2f} {kind:6} {name}")


if __name__ == "__main__":
    main()
