"""The response to one long poll: wait for events, then send those that the log has."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import anyio
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.api.context import principal
from gateway.api.disconnect import unless_disconnected
from gateway.api.services import Services
from gateway.api.streams import enter_stream, keep_stream, resume_stream
from gateway.asgi import direct_writer
from gateway.clock import Clock, RestartableTimer
from gateway.generation.event_log import EventLog, merge
from gateway.generation.generation import Generation
from gateway.protocol.events import Verbatim
from gateway.protocol.position import format_position
from transports.coalescing import chosen_ms, is_text
from transports.long_poll.pollers import TRANSPORT, Poller, Pollers
from transports.messages import message_head
from transports.viewer import MAX_SINGLE_ENTRIES

MAX_BYTES: Final = 256 * 1024
"""About the maximum size of one response: more needs another poll. A single event may be larger."""

SLICE_BYTES: Final = 256 * 1024
"""What is written at once of a large response. Each slice has the time limit of a client that does not read."""


class PollResponse:
    """One poll, as an ASGI application. `after` is a sequence number, `wait` is in seconds.

    `coalesce_ms` is for how long text is joined, as in `Viewer.attach`: here, what comes after a response.
    """

    def __init__(
        self,
        services: Services,
        pollers: Pollers,
        generation: Generation,
        after: int,
        wait: float,
        headers: Mapping[str, str],
        *,
        coalesce_ms: int | None = None,
    ) -> None:
        self._services = services
        self._pollers = pollers
        self._generation = generation
        self._after = after
        self._wait = wait
        self._headers = headers
        self._coalesce_ms = chosen_ms(coalesce_ms, generation.coalesce_ms, services.coalesce_ms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for events and send them. After the response the client is kept as a viewer, unless it has read the end.

        Raises:
            Refused: `rate_limit`, or `generation_lost`, also if the principal may not read the generation.
        """
        request = Request(scope, receive)
        poller = self._enter(request)
        comes_back = False
        try:
            if await self._wait_for_events(request, poller):
                comes_back = await self._answer(poller, scope, send)
        finally:
            if comes_back:
                self._pollers.rest(poller, keep_stream(request))
            else:
                self._pollers.leave(poller)

    def _enter(self, request: Request) -> Poller:
        reader = principal(request)
        # As in `StreamedResponse`: a caller that forgot to ask must not show what is another's.
        self._services.hub.find(self._generation.id, reader)
        poller = self._pollers.take(self._generation, reader, self._after)
        if poller is None:
            enter_stream(self._services, request)
            return self._pollers.add(self._generation, reader, self._after)
        if poller.stream is not None:
            resume_stream(request, poller.stream)
            poller.stream = None
        return poller

    async def _wait_for_events(self, request: Request, poller: Poller) -> bool:
        """Wait until there is something to send, or no longer; return False if the client has left before."""
        earliest = earliest_text = 0.0
        if poller.answered_at is not None:
            earliest = earliest_text = poller.answered_at + self._services.poll_interval
        if poller.texts_answered_at is not None:
            earliest_text = max(earliest, poller.texts_answered_at + self._coalesce_ms / 1000)
        waiting = Waiting(self._generation.log, self._services.clock, self._after, earliest, earliest_text)
        if self._wait == 0 or waiting.is_over:
            return True
        self._pollers.waiting[waiting.end] = None
        try:
            return await unless_disconnected(request, waiting.run(self._wait)) is not None
        finally:
            del self._pollers.waiting[waiting.end]

    async def _answer(self, poller: Poller, scope: Scope, send: Send) -> bool:
        """Send what the log has; return False if the client need not come back, or can't: it did not read."""
        log = self._generation.log
        events, reached = read_events(log, self._after, joins=self._coalesce_ms > 0)
        ended = log.ended and reached == log.last
        poller.asked, poller.answered = self._after, reached
        if events:
            poller.answered_at = self._services.clock.now()
            if self._coalesce_ms and any(map(is_text, log.since(self._after))):
                poller.texts_answered_at = poller.answered_at
        position = format_position(log.generation_id, reached).encode()
        tail = b'],"position":"%b","ended":%b}' % (position, b"true" if ended else b"false")
        was_read = await self._send((b'{"events":[', *events, tail), scope, send)
        return was_read and not ended

    async def _send(self, pieces: Sequence[bytes | memoryview], scope: Scope, send: Send) -> bool:
        """Send a response; abort it, and return False, if the client does not read it for `viewer_timeout`."""
        size = sum(map(len, pieces))
        self._services.viewers.count_sent(TRANSPORT, size)
        headers = {"Content-Type": "application/json", "Content-Length": str(size), **self._headers}
        raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        stalled, deadline = anyio.CancelScope(), RestartableTimer(self._services.clock)
        try:
            with stalled:
                deadline.start_limit(self._services.viewer_timeout, stalled.cancel)
                await send({"type": "http.response.start", "status": 200, "headers": raw_headers})
                for body in _slices(pieces, size):
                    deadline.start_limit(self._services.viewer_timeout, stalled.cancel)
                    size -= len(body)
                    await send({"type": "http.response.body", "body": body, "more_body": size > 0})
        finally:
            deadline.cancel()
        if stalled.cancelled_caught and (writer := direct_writer(scope)) is not None:
            writer.abort()
        return not stalled.cancelled_caught


class Waiting:
    """The wait of one poll for the first event after a sequence number.

    `earliest` is the time before which only the end ends it, and `earliest_text` that before which text does not. Data
    that only clients of a provider's API see never does.
    """

    def __init__(self, log: EventLog, clock: Clock, after: int, earliest: float, earliest_text: float) -> None:
        self._log = log
        self._clock = clock
        self._reached = after
        self._earliest_event = earliest
        self._earliest = earliest_text
        self._has_events = False
        self._paced_until = float("inf")
        """Time at which the timer ends the wait for more text."""
        self._timer = RestartableTimer(clock)
        self._over: asyncio.Future[bool]

    @property
    def is_over(self) -> bool:
        """Return True if the poll can be answered now."""
        self._check_log()
        return self._log.ended or (self._has_events and self._clock.now() >= self._earliest)

    async def run(self, seconds: float) -> bool:
        """Wait until the poll can be answered, or some seconds have passed; return True."""
        self._over = asyncio.get_running_loop().create_future()
        self._timer.start(seconds, self.end)
        self._log.subscribe(self._on_append)
        # What was appended since `is_over` was asked has called no listener.
        self._on_append()
        try:
            return await self._over
        finally:
            self._timer.cancel()
            self._log.unsubscribe(self._on_append)

    def _on_append(self) -> None:
        if self.is_over:
            self.end()
        elif self._has_events and self._earliest < self._paced_until:
            self._paced_until = self._earliest
            self._timer.start(min(self._earliest, self._timer.due) - self._clock.now(), self.end)

    def _check_log(self) -> None:
        """Find out whether there are events that this client is sent."""
        if self._earliest > self._earliest_event or not self._has_events:
            events = [entry for entry in self._log.since(self._reached) if entry.kind is not Verbatim]
            self._has_events = self._has_events or bool(events)
            if not all(map(is_text, events)):
                self._earliest = self._earliest_event
            self._reached = self._log.last

    def end(self) -> None:
        """End the wait."""
        if not self._over.done():
            self._over.set_result(True)


def read_events(log: EventLog, after: int, *, joins: bool = False) -> tuple[list[bytes | memoryview], int]:
    """Return the events after a sequence number, as pieces of a JSON array of about `MAX_BYTES`, and their last one.

    `joins`: adjacent text is joined; otherwise only if there are many events.
    """
    entries = log.since(after)
    pieces = list[bytes | memoryview]()
    size, reached = 0, after
    for entry in merge(entries) if joins or len(entries) > MAX_SINGLE_ENTRIES else entries:
        if entry.kind is not Verbatim:
            if pieces and size + len(entry.data) > MAX_BYTES:
                break
            if pieces:
                pieces.append(b",")
            # A large part is not copied: all clients send the bytes of the log.
            pieces += message_head(log.generation_id, entry), memoryview(entry.data)[1:]
            size += len(entry.data)
        reached = entry.last
    return pieces, reached


def _slices(pieces: Sequence[bytes | memoryview], size: int) -> Iterator[bytes]:
    """Yield the pieces in slices of about `SLICE_BYTES`."""
    if size <= SLICE_BYTES:
        yield b"".join(pieces)
        return
    for piece in pieces:
        for begin in range(0, len(piece), SLICE_BYTES):
            yield bytes(piece[begin : begin + SLICE_BYTES])
