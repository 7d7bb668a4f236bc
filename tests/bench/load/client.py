"""One of several concurrent clients: it sends one request after another, and records what arrives."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from tests.bench.load.http import WireError
from tests.bench.messages import Plan, StoppedStream, Tally
from tests.bench.stamps import TokenTracker

LINGERING_SECONDS = 0.1
"""Time to wait for events that might still arrive after the last interrupt."""


class Recorder:
    """Counts and times of all clients of a load."""

    def __init__(self, plan: Plan) -> None:
        self.tally = Tally()
        self.delays: list[int] = []
        self.first_tokens: list[int] = []
        self._remaining = plan.requests

    def take_request(self) -> bool:
        """Return True if one more request is to be sent, and count it."""
        self._remaining -= 1
        return self._remaining >= 0


class Client(ABC):
    """A client; its subclasses implement the transports."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self.plan = plan
        self.recorder = recorder
        self.generation_id = ""
        self._connection: _Connection | None = None
        self._result: asyncio.Future[str] | None = None
        self._tracker = TokenTracker()
        self._started = 0
        self._end = ""
        self._fence: int | None = None
        self._is_finished = False
        self._interrupted_at = 0
        self._seen_at_interrupt = 0
        self._last_seq = 0

    async def run(self) -> None:
        """Send requests until none remain."""
        while self.recorder.take_request():
            self.recorder.tally.requests += 1
            error = await self._request()
            if error:
                self.recorder.tally.fail(error)
            else:
                self.recorder.tally.succeeded += 1
        if self.plan.interrupt_after:
            await asyncio.sleep(LINGERING_SECONDS)
        self.disconnect()

    def disconnect(self, final_data: bytes = b"") -> None:
        """Close the connection after final data; without any, abort it."""
        if self._connection is None:
            return
        if final_data:
            self._connection.transport.write(final_data)
            self._connection.transport.close()
        else:
            self._connection.transport.abort()
        self._connection = None

    def write(self, data: bytes) -> None:
        """Send data, unless the connection is lost."""
        if self._connection is not None:
            self._connection.transport.write(data)

    @abstractmethod
    def start_stream(self, *, is_new: bool) -> None:
        """Request the next stream, on a new connection or on the previous one."""

    @abstractmethod
    def on_data(self, data: bytes) -> None:
        """Parse received data.

        Raises:
            WireError: the data violates the protocol.
        """

    @abstractmethod
    async def send_interrupt(self) -> None:
        """Call `on_interrupt_sent`, send the command, and call `on_interrupt_accepted` with its answer."""

    def on_events(self, stamps: Sequence[Sequence[bytes]], count: int) -> None:
        """Record events that arrived together, and the stamps in them."""
        now = time.monotonic_ns()
        tally, tracker = self.recorder.tally, self._tracker
        tally.events += count
        if not stamps:
            return
        if self._end:
            self._fail("content after the end")
            return
        if not tracker.received:
            self.recorder.first_tokens.append(now - self._started)
        tracker.record(stamps, now, self.recorder.delays)
        tally.tokens += len(stamps)
        if self.plan.leave_after and tracker.received >= self.plan.leave_after:
            self._disconnect_early()
        elif self.plan.interrupt_after and not self._interrupted_at and tracker.received >= self.plan.interrupt_after:
            self._interrupted_at = time.monotonic_ns()
            self._interrupting = asyncio.get_running_loop().create_task(self.send_interrupt())

    def on_end(self, event: str, seq: int = 0) -> None:
        """Record the terminal event; any content after it is a fault."""
        if self._end:
            self._fail("two terminal events")
            return
        self._end = event
        self._last_seq = seq

    def on_interrupt_sent(self) -> None:
        """Record when the command is sent."""
        self._interrupted_at = time.monotonic_ns()
        self._seen_at_interrupt = self._tracker.received

    def on_interrupt_accepted(self, seq: int) -> None:
        """Record the fence: the position after which only the terminal event may follow."""
        self._fence = seq
        self._finish_if_complete()

    def on_stream_closed(self) -> None:
        """End the stream: no more events can arrive."""
        self._is_finished = True
        self._finish_if_complete()

    def finish_request(self, error: str = "") -> None:
        """Set the outcome of the request; only the first one counts."""
        if self._result is not None and not self._result.done():
            self._result.set_result(error)

    def on_connection_data(self, connection: "_Connection", data: bytes) -> None:
        """Parse data of a connection, unless it is a former one."""
        if connection is not self._connection:
            return
        try:
            self.on_data(data)
        except WireError as error:
            self._fail(f"protocol: {error}")

    def on_connection_lost(self, connection: "_Connection") -> None:
        """Fail the request whose connection is lost."""
        if connection is self._connection:
            self._connection = None
            self.finish_request("the connection was lost")

    async def _request(self) -> str:
        self._result = asyncio.get_running_loop().create_future()
        self._tracker = TokenTracker()
        self._end, self._fence, self._interrupted_at, self._is_finished = "", None, 0, False
        self._started = time.monotonic_ns()
        is_new = self._connection is None
        if is_new:
            try:
                _, self._connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), "127.0.0.1", self.plan.port
                )
            except OSError as failure:
                return f"connecting: {failure.strerror}"
        self.start_stream(is_new=is_new)
        error = await self._result
        if error:
            self.disconnect()
        return error

    def _fail(self, error: str) -> None:
        """Record a fault. It counts even if the request has succeeded: events after the end arrive after that."""
        if self._result is not None and self._result.done() and not self._result.result():
            self.recorder.tally.fail(error)
        self.finish_request(error)

    def _disconnect_early(self) -> None:
        self.disconnect()
        self._record_stop(time.monotonic_ns(), self._tracker.received, 0)
        self.finish_request(self._count_faults(None))

    def _finish_if_complete(self) -> None:
        if not self._is_finished:
            return
        expected = "interrupted" if self.plan.interrupt_after else "complete"
        if self._end != expected:
            self.finish_request(f"ended with {self._end or 'no terminal event'}")
        elif not self.plan.interrupt_after:
            self.finish_request(self._count_faults(self.plan.tokens))
        elif self._fence is not None:
            self._record_stop(self._interrupted_at, self._seen_at_interrupt, self._last_seq - self._fence - 1)
            self.finish_request(self._count_faults(None))

    def _record_stop(self, at: int, seen: int, past_fence: int) -> None:
        if self._tracker.stream is not None:
            self.recorder.tally.stopped.append(StoppedStream(self._tracker.stream, at, seen, past_fence))

    def _count_faults(self, expected: int | None) -> str:
        faults, tally = self._tracker.finish(expected), self.recorder.tally
        tally.lost += faults.lost
        tally.duplicated += faults.duplicated
        tally.reordered += faults.reordered
        tally.foreign += faults.foreign
        return "tokens not as sent" if any((faults.lost, faults.duplicated, faults.reordered, faults.foreign)) else ""


class _Connection(asyncio.Protocol):
    """A connection of a client. Data of a former connection is ignored."""

    transport: asyncio.Transport

    def __init__(self, client: Client) -> None:
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._client.on_connection_data(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.on_connection_lost(self)
