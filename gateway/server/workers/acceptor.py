"""Accept connections from a socket that several processes share, so that all get the same number of them."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from gateway.log_fields import log_fields
from gateway.server.workers.connection_counts import NOT_ACCEPTING, ConnectionCounts

logger = logging.getLogger(__name__)

DEFERRAL: Final = 0.001
"""Seconds for which a worker leaves a connection to one that has fewer. uvloop's timers are not finer."""

BATCH: Final = 16
"""Maximum number of connections that are accepted at once after a deferral: those with fewer did not come for them."""

RETRY_SECONDS: Final = 1.0
"""Wait after an error of the process or the machine, such as too many open files."""


class Acceptor:
    """Accepts the connections of one worker; has the methods of `asyncio.Server` that uvicorn calls.

    A worker accepts one connection each time the socket is readable. One that has more connections than another waits
    for `DEFERRAL` first: the kernel wakes all workers, and without that the one that is woken first would get most of
    them (see the package). If the other one is busy or stopped, that is all that a client waits. Accepting here costs
    20 µs of CPU per connection more than in libuv, some 2 % of a short request.
    """

    def __init__(
        self,
        listening: socket.socket,
        counts: ConnectionCounts,
        slot: int,
        make_protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        listening.settimeout(0)
        self._listening = listening
        self._counts = counts
        self._slot = slot
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._connections = 0
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[object]] = set()
        self.update(0)
        self._loop.add_reader(listening, self._on_readable)

    def update(self, connections: int) -> None:
        """Set the number of connections that this worker has; those that it accepts next are added."""
        if not self.is_closed:
            self._connections = connections
            self._counts.publish(self._slot, connections)

    @property
    def is_closed(self) -> bool:
        """Return True if no connections are accepted any more."""
        return self._listening.fileno() < 0

    def close(self) -> None:
        """Accept no more connections: those that wait are left to the others."""
        if self.is_closed:
            return
        self._loop.remove_reader(self._listening)
        if self._timer is not None:
            self._timer.cancel()
        self._listening.close()
        self._counts.publish(self._slot, NOT_ACCEPTING)

    async def wait_closed(self) -> None:
        """Return at once: uvicorn has waited for the connections itself."""

    def _on_readable(self) -> None:
        # One more is no reason to wait: the others would be so far behind with the next one.
        if self._connections > self._counts.least() + 1:
            self._pause(DEFERRAL)
        else:
            self._accept(1)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._timer = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._listening, self._on_readable)
        self._accept(BATCH)

    def _accept(self, count: int) -> None:
        for _ in range(count):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                # Another worker was faster, or the client has left.
                return
            except OSError as error:
                if self.is_closed:
                    # By a signal, whose handler ran in between.
                    return
                fields = log_fields("accept_failed", reason=error.strerror, retry_seconds=RETRY_SECONDS)
                logger.error("no connections are accepted for %g s: %s", RETRY_SECONDS, error.strerror, extra=fields)
                self._pause(RETRY_SECONDS)
                return
            connection.settimeout(0)
            self.update(self._connections + 1)
            task = self._loop.create_task(self._connect(connection), name="accepted connection")
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:
            # Reset by its client meanwhile.
            connection.close()
