"""The metrics of all workers: the supervisor asks each of them, and keeps what those that have ended had counted.

Whichever worker is asked for the metrics, it shows those of all. A counter must never go backwards, which Prometheus
would take for a restart (https://prometheus.io/docs/concepts/metric_types/#counter). So what is shown of a worker is
what the supervisor has of it: that stays, also if the worker is killed in the next moment. What such a worker has
counted since it was asked last is lost; one that ends by itself sends its last snapshot first.
"""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final

from gateway.clock import Clock, time_limit
from gateway.log_fields import log_fields
from gateway.server.workers.frames import Kind, Link, open_link
from gateway.telemetry.metrics.snapshot import Snapshot, decode, merged

REPLY_SECONDS: Final = 1.0
"""Time in which workers reply. Of one that takes longer, its last snapshot counts."""

logger = logging.getLogger(__name__)


class _Peer:
    def __init__(self, link: Link) -> None:
        self.link = link
        self.last = Snapshot()
        self.replied = asyncio.Event()


class MetricsExchange:
    """The supervisor's side, for all workers. `close` it in the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._peers: set[_Peer] = set()
        self._ended = Snapshot()
        """What workers that have ended had counted."""
        self._gathering = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, sock: socket.socket) -> None:
        """Exchange messages with a worker, at the other end of this socket, until it closes that."""
        self._start(self._serve(_Peer(await open_link(sock))))

    async def close(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, peer: _Peer) -> None:
        self._peers.add(peer)
        try:
            async for kind, data in peer.link.messages():
                peer.last = decode(data)
                peer.replied.set()
                if kind is Kind.ASK:
                    self._start(self._answer(peer))
        except ValueError as error:
            fields = log_fields("worker_metrics_unreadable")
            logger.error("the metrics of a worker can't be read: %s", error, extra=fields)
        finally:
            self._peers.discard(peer)
            peer.replied.set()
            self._ended.merge(peer.last.counted())
            peer.link.close()

    async def _answer(self, asking: _Peer) -> None:
        """Collect the snapshots of all others, and send the sum."""
        async with self._gathering:
            others = [peer for peer in self._peers if peer is not asking]
            for peer in others:
                peer.replied.clear()
                peer.link.send(Kind.QUERY)
            with suppress(TimeoutError):
                async with time_limit(REPLY_SECONDS, self._clock):
                    for peer in others:
                        await peer.replied.wait()
        asking.link.send(Kind.ALL, merged([self._ended, *(peer.last for peer in self._peers)]).encode())

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
