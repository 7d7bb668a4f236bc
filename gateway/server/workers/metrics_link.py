"""A worker's side of the exchange of metrics; see `metrics_exchange`."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from gateway.clock import Clock, time_limit
from gateway.protocol.errors import Code, Refused
from gateway.server.workers.frames import Kind, Link, encode, open_link
from gateway.telemetry.metrics.metrics import Metrics
from gateway.telemetry.metrics.snapshot import Snapshot, decode

ANSWER_SECONDS: Final = 5.0
"""Time in which the supervisor answers."""

SEND_SECONDS: Final = 1.0
"""Time to send the last snapshot, when the process ends."""


class MetricsLink:
    """Answers the supervisor, and asks it for the metrics of all workers. `open` it in the event loop."""

    def __init__(self, sock: socket.socket, metrics: Metrics, clock: Clock) -> None:
        self._last_socket = sock.dup()
        self._socket = sock
        self._metrics = metrics
        self._clock = clock
        self._link: Link
        self._answers: list[asyncio.Future[Snapshot]] = []
        """Those who wait for an answer; each answer is for the first of them."""
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Answer from now on, and let the metrics of this process be those of all."""
        self._link = await open_link(self._socket)
        self._reading = asyncio.get_running_loop().create_task(self._read(), name="metrics of workers")
        self._metrics.gather = self._gather

    def close(self) -> None:
        """Stop answering, with the event loop."""
        self._metrics.gather = None
        if self._reading is not None:
            self._reading.cancel()
            self._link.close()

    def send_last(self) -> None:
        """Send what this process has counted, at its end: nothing more is counted then."""
        self._last_socket.settimeout(SEND_SECONDS)
        with suppress(OSError), self._last_socket:
            self._last_socket.sendall(encode(Kind.SNAPSHOT, self._metrics.registry.snapshot().encode()))

    async def _read(self) -> None:
        async for kind, data in self._link.messages():
            if kind is Kind.QUERY:
                self._link.send(Kind.SNAPSHOT, self._metrics.registry.snapshot().encode())
            elif kind is Kind.ALL and self._answers:
                answer = self._answers.pop(0)
                if not answer.done():
                    answer.set_result(decode(data))

    async def _gather(self, own: Snapshot) -> Snapshot:
        """Return the values of all workers.

        Raises:
            Refused: `server_error`: the supervisor does not answer. The values of this worker alone would be taken for
                counters that have gone backwards.
        """
        answer: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._link.send(Kind.ASK, own.encode())
        try:
            async with time_limit(ANSWER_SECONDS, self._clock):
                return await answer
        except TimeoutError:
            message = "The metrics of the other workers can't be read now: try again."
            raise Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=1000) from None
