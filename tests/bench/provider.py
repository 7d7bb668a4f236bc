"""A provider for benchmarks, as a process: OpenAI-compatible, and as cheap as Python allows.

It streams what the model's name specifies (`messages.AnswerSpec`), and records each client that disconnects;
`GET /stats` returns that. The first line that it prints holds its address.
"""

import argparse
import asyncio
import heapq
import json
import time
from typing import cast

import uvloop

from tests.bench.messages import AnswerSpec, ProviderStats, to_document
from tests.bench.open_files import raise_open_files

NANOSECONDS = 1_000_000_000

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
PREFIX = (
    b'data: {"id":"chatcmpl-%08d","object":"chat.completion.chunk","created":1735689600,"model":"bench","choices":['
)
ROLE = b'{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
CONTENT = b'{"index":0,"delta":{"content":"'
CONTENT_END = b'"},"logprobs":null,"finish_reason":null}]}\n\n'
FINISH = b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
USAGE = b'],"usage":{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}}\n\n'
DONE = b"data: [DONE]\n\n"


def main() -> None:
    """Serve until a signal arrives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    port: int = parser.parse_args().port
    raise_open_files()
    uvloop.run(_serve(port))


async def _serve(port: int) -> None:
    provider = Provider()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(provider), "127.0.0.1", port, backlog=4096
    )
    print(f"The provider listens on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


class Provider:
    """State that all connections share: the numbers of streams, the timer that paces them, and statistics."""

    def __init__(self) -> None:
        self.stats = ProviderStats()
        self._due: list[tuple[int, int, Stream]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_running = False

    def next_number(self) -> int:
        """Return a number for a new stream."""
        self.stats.started += 1
        return self.stats.started

    def schedule(self, stream: "Stream", at: int) -> None:
        """Schedule the next token of a stream.

        One timer serves all streams: timers of the event loop cost more than a heap, and are no finer than a
        millisecond.
        """
        heapq.heappush(self._due, (at, stream.number, stream))
        if not self._is_running and self._due[0][0] == at:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = (self._due[0][0] - time.monotonic_ns()) / NANOSECONDS
        self._timer = asyncio.get_running_loop().call_later(max(delay, 0.001), self._run_due)

    def _run_due(self) -> None:
        self._is_running = True
        now = time.monotonic_ns()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2].send_due()
        self._is_running = False
        if self._due:
            self._set_timer()


class Stream:
    """An answer that is being streamed."""

    def __init__(self, connection: "Connection", answer: AnswerSpec, number: int) -> None:
        self.number = number
        self.sent = 0
        self.is_finished = False
        self.is_blocked = False
        self._connection = connection
        self._answer = answer
        self._interval = answer.interval_ms * 1_000_000
        prefix = PREFIX % number
        self._prefix = prefix + CONTENT
        self._fixed = len(self._prefix) + len(CONTENT_END)
        connection.transport.write(HEAD + _chunk(prefix + ROLE))
        self._due = time.monotonic_ns() + answer.first_ms * 1_000_000
        if answer.first_ms:
            connection.provider.schedule(self, self._due)
        else:
            self.send_due()

    def send_due(self) -> None:
        """Write the token that is due, unless the client is gone or does not read."""
        self.is_blocked = self._connection.is_paused
        if self.is_finished or self.is_blocked:
            return
        self._write_token()
        if self.sent == self._answer.tokens:
            self._finish()
        elif self._interval:
            now = time.monotonic_ns()
            # A stream that is far behind, because its client did not read, does not catch up in a burst.
            self._due = now if self._due + NANOSECONDS < now else self._due
            self._due += self._interval
            self._connection.provider.schedule(self, self._due)
        else:
            asyncio.get_running_loop().call_soon(self.send_due)

    def _write_token(self) -> None:
        """Write one token, in its own packet as providers do: joined tokens would be cheaper to forward."""
        mark = b"@%d.%d.%d@" % (time.monotonic_ns(), self.sent, self.number)
        self._connection.transport.write(
            b"%x\r\n%b%b%b\r\n" % (self._fixed + len(mark), self._prefix, mark, CONTENT_END)
        )
        self.sent += 1
        self._connection.provider.stats.tokens += 1

    def _finish(self) -> None:
        self.is_finished = True
        self._connection.provider.stats.completed += 1
        prefix, tokens = PREFIX % self.number, self._answer.tokens
        self._connection.transport.write(
            b"".join(map(_chunk, (prefix + FINISH, prefix + USAGE % (tokens, tokens + 9), DONE))) + b"0\r\n\r\n"
        )
        self._connection.on_stream_finished()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """A connection of a client, for one request after another."""

    transport: asyncio.Transport

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.is_paused = False
        self._stream: Stream | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._stream is None:
            self._next_request()

    def eof_received(self) -> None:
        self._on_disconnect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_disconnect()

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        if self._stream is not None and self._stream.is_blocked:
            self._stream.send_due()

    def on_stream_finished(self) -> None:
        """Handle the next request."""
        self.provider.stats.running -= 1
        self._stream = None
        self._next_request()

    def _on_disconnect(self) -> None:
        if self._stream is not None:
            self._stream.is_finished = True
            self.provider.stats.running -= 1
            self.provider.stats.closes.append((self._stream.number, time.monotonic_ns(), self._stream.sent))
            self._stream = None

    def _next_request(self) -> None:
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = _content_length(head)
        if len(rest) < length:
            return
        body, self._received = rest[:length], rest[length:]
        if head.startswith(b"POST /v1/chat/completions "):
            self._start_stream(body)
        elif head.startswith(b"GET /stats "):
            self._respond(b"200 OK", json.dumps(to_document(self.provider.stats)).encode())
        else:
            self._respond(b"404 Not Found", b'{"error":{"message":"unknown path"}}')

    def _start_stream(self, body: bytes) -> None:
        try:
            answer = AnswerSpec.from_model_name(json.loads(body)["model"])
        except (ValueError, KeyError, TypeError) as error:
            refusal = json.dumps({"error": {"message": str(error), "type": "invalid_request_error"}})
            self._respond(b"400 Bad Request", refusal.encode())
            return
        self.provider.stats.running += 1
        stream = Stream(self, answer, self.provider.next_number())
        if not stream.is_finished:
            self._stream = stream

    def _respond(self, status: bytes, body: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
        )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


if __name__ == "__main__":
    main()
