"""A provider for benchmarks, as a process: OpenAI-compatible, and as cheap as Python gets.

It streams what the model's name says (`wire.Answer`) and keeps note of each client that hangs up. `GET /served` tells.
The address is the first line that it prints.
"""

import argparse
import asyncio
import heapq
import json
import time
from typing import cast

import uvloop

from tests.bench.limits import raise_open_files
from tests.bench.wire import Answer, Served, document_of

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
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
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
    """What all connections share: the streams' numbers, the clock that paces them, and the notes."""

    def __init__(self) -> None:
        self.served = Served()
        self._due: list[tuple[int, int, Stream]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_turning = False

    def next_number(self) -> int:
        """Number a stream."""
        self.served.started += 1
        return self.served.started

    def wake(self, stream: "Stream", at: int) -> None:
        """Let the stream have its turn at that time.

        One timer for all streams: the event loop's own cost more than a heap, and are no finer than a millisecond.
        """
        heapq.heappush(self._due, (at, stream.number, stream))
        if not self._is_turning and self._due[0][0] == at:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = (self._due[0][0] - time.monotonic_ns()) / NANOSECONDS
        self._timer = asyncio.get_running_loop().call_later(max(delay, 0.001), self._turns)

    def _turns(self) -> None:
        self._is_turning = True
        now = time.monotonic_ns()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2].turn()
        self._is_turning = False
        if self._due:
            self._set_timer()


class Stream:
    """One answer under way."""

    def __init__(self, connection: "Connection", answer: Answer, number: int) -> None:
        self.number = number
        self.sent = 0
        self.is_over = False
        self.is_held = False
        self._connection = connection
        self._answer = answer
        self._interval = answer.interval_ms * 1_000_000
        prefix = PREFIX % number
        self._prefix = prefix + CONTENT
        self._fixed = len(self._prefix) + len(CONTENT_END)
        connection.transport.write(HEAD + _chunk(prefix + ROLE))
        self._due = time.monotonic_ns() + answer.first_ms * 1_000_000
        if answer.first_ms:
            connection.provider.wake(self, self._due)
        else:
            self.turn()

    def turn(self) -> None:
        """Write what is due, unless the client is gone or does not read."""
        self.is_held = self._connection.is_paused
        if self.is_over or self.is_held:
            return
        self._write_token()
        if self.sent == self._answer.tokens:
            self._finish()
        elif self._interval:
            now = time.monotonic_ns()
            # One that is far behind, since its client did not read, does not make up for it in a burst.
            self._due = now if self._due + NANOSECONDS < now else self._due
            self._due += self._interval
            self._connection.provider.wake(self, self._due)
        else:
            asyncio.get_running_loop().call_soon(self.turn)

    def _write_token(self) -> None:
        """Write one token, in a packet of its own as providers do: joined ones would be too easy to pass on."""
        mark = b"@%d.%d.%d@" % (time.monotonic_ns(), self.sent, self.number)
        self._connection.transport.write(
            b"%x\r\n%b%b%b\r\n" % (self._fixed + len(mark), self._prefix, mark, CONTENT_END)
        )
        self.sent += 1
        self._connection.provider.served.tokens += 1

    def _finish(self) -> None:
        self.is_over = True
        self._connection.provider.served.completed += 1
        prefix, tokens = PREFIX % self.number, self._answer.tokens
        self._connection.transport.write(
            b"".join(map(_chunk, (prefix + FINISH, prefix + USAGE % (tokens, tokens + 9), DONE))) + b"0\r\n\r\n"
        )
        self._connection.finished()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One connection of a client; it may carry one request after another."""

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
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        if self._stream is not None and self._stream.is_held:
            self._stream.turn()

    def finished(self) -> None:
        """Take the next request."""
        self.provider.served.running -= 1
        self._stream = None
        self._next_request()

    def _gone(self) -> None:
        if self._stream is not None:
            self._stream.is_over = True
            self.provider.served.running -= 1
            self.provider.served.closes.append((self._stream.number, time.monotonic_ns(), self._stream.sent))
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
            self._chat(body)
        elif head.startswith(b"GET /served "):
            self._answer(b"200 OK", json.dumps(document_of(self.provider.served)).encode())
        else:
            self._answer(b"404 Not Found", b'{"error":{"message":"no such path"}}')

    def _chat(self, body: bytes) -> None:
        try:
            answer = Answer.of_model(json.loads(body)["model"])
        except (ValueError, KeyError, TypeError) as error:
            said = json.dumps({"error": {"message": str(error), "type": "invalid_request_error"}})
            self._answer(b"400 Bad Request", said.encode())
            return
        self.provider.served.running += 1
        stream = Stream(self, answer, self.provider.next_number())
        if not stream.is_over:
            self._stream = stream

    def _answer(self, status: bytes, body: bytes) -> None:
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
