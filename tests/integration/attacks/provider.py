"""A provider that records its requests, and responds as badly as a provider could."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

INTERNAL: Final = "llm-7.prod.internal"
"""An internal host name that no client may see."""

SCRIPT: Final = (
    "<img src=x onerror=\"window.pwned=1;alert('img')\"><script>window.pwned=1</script>"
    '<svg onload="window.pwned=1"></svg><iframe srcdoc="<script>parent.pwned=1</script>"></iframe>'
    '<a href="javascript:window.pwned=1">here</a> <style>body{display:none}</style>'
)
"""Markup that a page would run if it inserted a model's text as HTML."""

FRAMES: Final = (
    'a\n\ndata: {"type":"complete"}\n\nb\r\n\r\nevent: error\r\ndata: {"type":"error"}\r\n\r\nc\rid: g_x:99\r\rd'
    "\u2028data: e\u2029\u0085f\x00g\x0bh\x0ci\ufeffj\nretry: 1\n: hb\n\nk"
)
"""Text that a client with careless line splitting would read as events of the gateway."""

TEXTS: Final[Mapping[str, str]] = {"plain": "Hello there.", "script": SCRIPT, "frames": FRAMES}
SLOW_PIECES: Final = 2400
SLOW_SECONDS: Final = 0.05


@dataclass
class Provider:
    """The provider, a server in a thread: `url` is its base URL, `asked` the prompts that have reached it."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    """The API keys it was sent."""
    ending: threading.Event = field(default_factory=threading.Event)

    def count_prompts(self, marker: str) -> int:
        """Count the prompts that contain a text."""
        return sum(marker in prompt for prompt in self.asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    provider: Provider

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: clients that disconnect are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Respond by the model's name: one of `TEXTS`, `long`, `slow`, or a failure."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.provider.asked.append(json.dumps(body["messages"], ensure_ascii=False))
        key = self.headers.get("Authorization", "no key").removeprefix("Bearer ")
        self.server.provider.keys.add(key)
        model = body["model"]
        if model in _FAILURES:
            status, kind, text = _FAILURES[model]
            self._fail(status, kind, text.replace("KEY", key))
        elif model == "in-stream":
            self._stream([json.dumps({"error": {"type": "invalid_request_error", "message": f"bad key {key}"}})])
        elif model == "slow":
            self._begin()
            for number in range(SLOW_PIECES):
                self._send(_chunk(f"{number} "))
                if self.server.provider.ending.wait(SLOW_SECONDS):
                    return
        elif model == "long":
            # In JSON each character takes six bytes: more than the kernel buffers for a client that does not read.
            self._stream([*[_chunk("\1" * 18_000)] * 100, _chunk(None)])
        else:
            self._stream([_chunk(TEXTS.get(model, TEXTS["plain"])), _chunk(None)])

    def _fail(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()

    def _stream(self, events: Sequence[str]) -> None:
        self._begin()
        for event in (*events, "[DONE]"):
            self._send(event)

    def _send(self, event: str) -> None:
        self.wfile.write(f"data: {event}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


_FAILURES: Final[Mapping[str, tuple[int, str, str]]] = {
    "echo-400": (
        400,
        "application/json",
        '{"error":{"message":"Incorrect API key provided: KEY, see http://10.1.2.3/"}}',
    ),
    "echo-401": (401, "application/json", '{"error":{"message":"Incorrect API key provided: KEY"}}'),
    "echo-422": (422, "application/json", f'{{"error":"no KEY at {INTERNAL}:8443"}}'),
    "echo-500": (500, "text/html", f"<html><h1>{INTERNAL}</h1>Traceback: Authorization: Bearer KEY</html>"),
    "echo-200": (200, "text/html", f"<html><h1>{INTERNAL}</h1>KEY</html>"),
}

FAILURES: Final = (*_FAILURES, "in-stream")
"""Models that fail, with the gateway's key in the message."""


def _chunk(text: str | None) -> str:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": "stop" if text is None else None}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})


@contextmanager
def hostile_provider() -> Iterator[Provider]:
    """Run the provider."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = Provider(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, name="hostile provider", args=(0.05,))
    thread.start()
    try:
        yield server.provider
    finally:
        server.provider.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
