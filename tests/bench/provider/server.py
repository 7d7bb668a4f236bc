"""Connections, the streams on them, and the timer that paces all streams."""

import asyncio
import heapq
import json
import time
from typing import cast

from tests.bench.messages import AnswerSpec, ProviderStats, to_document
from tests.bench.provider.apis import APIS, Answer

NANOSECONDS = 1_000_000_000

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class Provider:
    """State that all connections share: the numbers of streams, the timer that paces them, and statistics."""

    def __init__(self) -> None:
        self.stats = ProviderStats()
        self._held: list[Stream] = []
        self._due: list[tuple[int, int, Stream]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_running = False

    def next_number(self) -> int:
        """Return a number for a new stream."""
        self.stats.started += 1
        return self.stats.started

    def hold(self, stream: "Stream") -> None:
        """Keep a stream that does not go on before `release`."""
        self._held.append(stream)

    def release(self) -> None:
        """Resume all streams that are held.

        They are evenly spread over their interval: clients do not ask at the same moment.
        """
        held, self._held = self._held, []
        for number, stream in enumerate(held):
            stream.go_on(number / len(held))

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

    def __init__(self, connection: "Connection", spec: AnswerSpec, answer: Answer, number: int) -> None:
        self.number = number
        self.sent = 0
        self.is_finished = False
        self.is_blocked = False
        self._connection = connection
        self._tokens = spec.tokens
        self._answer = answer
        self._interval = spec.interval_ms * 1_000_000
        connection.transport.write(HEAD + b"".join(map(_chunk, answer.begin())))
        self._due = time.monotonic_ns() + spec.first_ms * 1_000_000
        if spec.kind == "paused":
            self._write_token()
        if spec.kind != "bench":
            connection.provider.hold(self)
        elif spec.first_ms:
            connection.provider.schedule(self, self._due)
        else:
            self.send_due()

    def go_on(self, phase: float) -> None:
        """Schedule the next token of a stream that was held, after this share of its interval."""
        self._due = time.monotonic_ns() + int(phase * self._interval) + 1
        self._connection.provider.schedule(self, self._due)

    def send_due(self) -> None:
        """Write the token that is due, unless the client is gone or does not read."""
        self.is_blocked = self._connection.is_paused
        if self.is_finished or self.is_blocked:
            return
        self._write_token()
        if self.sent == self._tokens:
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
        self._connection.transport.write(_chunk(self._answer.token(mark, self.sent)))
        self.sent += 1
        self._connection.provider.stats.tokens += 1

    def _finish(self) -> None:
        self.is_finished = True
        self._connection.provider.stats.completed += 1
        self._connection.transport.write(b"".join(map(_chunk, self._answer.end(self._tokens))) + b"0\r\n\r\n")
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
        method, path = head.split(b" ", 2)[:2]
        if method == b"POST" and path in APIS:
            self._start_stream(APIS[path], body)
        elif path == b"/stats":
            self._respond(b"200 OK", json.dumps(to_document(self.provider.stats)).encode())
        elif head.startswith(b"GET /release "):
            self.provider.release()
            self._respond(b"200 OK", b"{}")
        else:
            self._respond(b"404 Not Found", b'{"error":{"message":"unknown path"}}')

    def _start_stream(self, api: type[Answer], body: bytes) -> None:
        try:
            spec = AnswerSpec.from_model_name(json.loads(body)["model"])
        except (ValueError, KeyError, TypeError) as error:
            refusal = json.dumps({"error": {"message": str(error), "type": "invalid_request_error"}})
            self._respond(b"400 Bad Request", refusal.encode())
            return
        self.provider.stats.running += 1
        number = self.provider.next_number()
        stream = Stream(self, spec, api(number), number)
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
