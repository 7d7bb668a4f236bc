"""A worker as its supervisor sees it: a process, and the other end of its channel."""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from typing import Protocol

from gateway.server.workers.channel import LISTENING, Instruction
from gateway.server.workers.connection_counts import ConnectionCounts
from gateway.server.workers.inheritance import VARIABLE, pass_on
from gateway.server.workers.metrics_exchange import MetricsExchange


class Process(Protocol):
    """A process that a supervisor has started."""

    @property
    def pid(self) -> int:
        """Return its process id."""
        ...

    def send(self, instruction: Instruction) -> None:
        """Send an instruction; a process that has ended ignores it."""

    def kill(self) -> None:
        """End it by SIGKILL."""

    async def listens(self) -> bool:
        """Wait until it listens, and return True; False if it has ended before."""
        ...

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit code; negative: the signal that ended it."""
        ...


class WorkerProcess:
    """A fresh interpreter that runs the command of this process, with the listening socket."""

    def __init__(
        self, process: asyncio.subprocess.Process, channel: socket.socket, counts: ConnectionCounts, slot: int
    ) -> None:
        self._process = process
        self._channel = channel
        self._counts = counts
        self._slot = slot
        loop = asyncio.get_running_loop()
        self._listens = loop.create_task(self._read_report(), name="start of a worker")
        self._ended = loop.create_task(self._wait(), name="end of a worker")
        self.pid = process.pid

    def send(self, instruction: Instruction) -> None:
        """Implement `Process.send`."""
        with suppress(OSError):
            self._channel.send(instruction.value)

    def kill(self) -> None:
        """Implement `Process.kill`."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def listens(self) -> bool:
        """Implement `Process.listens`."""
        return await asyncio.shield(self._listens)

    async def ended(self) -> int:
        """Implement `Process.ended`."""
        return await asyncio.shield(self._ended)

    async def _wait(self) -> int:
        """Wait for the end, then release what the process had."""
        code = await self._process.wait()
        # The end of the process has closed its side, so that this read has ended as well.
        await self._listens
        self._channel.close()
        self._counts.release(self._slot)
        return code

    async def _read_report(self) -> bool:
        try:
            return await asyncio.get_running_loop().sock_recv(self._channel, 1) == LISTENING
        except OSError:
            return False


async def start_worker(listening: socket.socket, counts: ConnectionCounts, metrics: MetricsExchange) -> WorkerProcess:
    """Start a worker, which exchanges its metrics until it ends.

    Raises:
        OSError: no process can be started: the limit of processes or open files is reached.
    """
    ours, theirs = socket.socketpair()
    our_metrics, their_metrics = socket.socketpair()
    ours.settimeout(0)
    slot = counts.claim()
    files = (listening.fileno(), theirs.fileno(), their_metrics.fileno(), counts.file.fileno())
    with theirs, their_metrics:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *sys.orig_argv[1:]),
                env={**os.environ, VARIABLE: pass_on(*files, slot)},
                pass_fds=files,
            )
        except BaseException:
            ours.close()
            our_metrics.close()
            counts.release(slot)
            raise
    await metrics.add(our_metrics)
    return WorkerProcess(process, ours, counts, slot)
