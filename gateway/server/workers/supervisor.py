"""Keep a number of workers running: start them, start others in place of those that end, replace and end them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.clock import Clock, Timer, time_limit
from gateway.log_fields import log_fields
from gateway.server.workers.channel import Instruction
from gateway.server.workers.process import Process
from gateway.server.workers.restarts import DEFAULT_POLICY, RestartPolicy, describe_end, exit_code

logger = logging.getLogger(__name__)

DRAIN_EXTRA_SECONDS: Final = 20.0
"""Time after `drain_timeout` in which workers can send their clients away and end; the rest are killed."""

EXIT_SECONDS: Final = 5.0
"""Time after a second signal in which workers can end; the rest are killed."""


@dataclass(slots=True, eq=False)
class _Worker:
    process: Process
    started: float
    early_ends: int
    must_listen_first: bool
    """Not restarted if it ends before it listens: the caller that has started it decides what follows."""
    is_replaced: bool = False


class Supervisor:
    """Owner of the worker processes. Call `run` once; the other methods are called while it runs.

    `start` starts a process. Workers drain within `drain_timeout`, or are killed. `on_ending` is called once, when all
    begin to end, and nothing is started any more.
    """

    def __init__(
        self,
        workers: int,
        start: Callable[[], Awaitable[Process]],
        clock: Clock,
        drain_timeout: float,
        on_ending: Callable[[], None],
        policy: RestartPolicy = DEFAULT_POLICY,
    ) -> None:
        self._count = workers
        self._start = start
        self._clock = clock
        self._drain_timeout = drain_timeout
        self._on_ending = on_ending
        self._policy = policy
        self._workers: list[_Worker] = []
        self._ending = asyncio.Event()
        self._tasks: asyncio.TaskGroup
        self._kill_timer: Timer | None = None
        self._exit_code = 0
        self._has_started = False
        self._is_replacing = self._must_replace = False

    async def run(self, on_listening: Callable[[Sequence[int]], None]) -> int:
        """Run the workers until all have ended; return the exit code: 0, or that of the first that failed.

        `on_listening` is called once, with the ids of the processes, when all of them listen. If one can't start, the
        others end.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._start_all(on_listening)
        finally:
            if self._kill_timer is not None:
                self._kill_timer.cancel()
        return self._exit_code

    async def _start_all(self, on_listening: Callable[[Sequence[int]], None]) -> None:
        """Start the first worker, then the others: what is wrong for all of them is reported once."""
        for count in (1, self._count - 1):
            for worker in [await self._launch() for _ in range(count)]:
                if worker is None:
                    self._fail()
                elif not await worker.process.listens():
                    self._fail(await worker.process.ended())
            if self._ending.is_set():
                return
        self._has_started = True
        on_listening([worker.process.pid for worker in self._workers])

    def drain(self, reason: str) -> None:
        """Drain all workers the first time, and end them at once the second time."""
        if not self._ending.is_set():
            fields = log_fields("drain_begins", reason=reason, seconds=self._drain_timeout)
            logger.info("%s: draining, at most %g s", reason, self._drain_timeout, extra=fields)
            self._end(Instruction.DRAIN, self._drain_timeout + DRAIN_EXTRA_SECONDS)
        else:
            self._end(Instruction.EXIT, EXIT_SECONDS)

    def reload(self) -> None:
        """Load models and keys again in all workers."""
        self._send_all(Instruction.RELOAD)

    def replace_all(self) -> None:
        """Replace the workers one after the other: a new one listens before an old one drains.

        A call while that is under way begins it once more afterwards.
        """
        if self._has_started:
            self._must_replace = True
            if not self._is_replacing:
                self._is_replacing = True
                self._tasks.create_task(self._replace_while_required(), name="replace the workers")

    async def _launch(self, early_ends: int = 0, *, must_listen_first: bool = True) -> _Worker | None:
        """Start a worker; return None if all end, or if no process can be started, which is logged."""
        if self._ending.is_set():
            return None
        try:
            process = await self._start()
        except OSError as error:
            fields = log_fields("worker_not_started", reason=error.strerror)
            logger.error("no worker can be started: %s", error.strerror, extra=fields)
            return None
        worker = _Worker(process, self._clock.now(), early_ends, must_listen_first)
        self._workers.append(worker)
        self._tasks.create_task(self._watch(worker), name="watch a worker")
        if self._ending.is_set():
            # The others have got this before.
            process.send(Instruction.DRAIN)
        return worker

    async def _watch(self, worker: _Worker) -> None:
        process = worker.process
        listens = await process.listens()
        if listens and not worker.must_listen_first:
            logger.info("worker %d listens", process.pid, extra=log_fields("worker_listens", worker=process.pid))
        is_needed = listens or not worker.must_listen_first
        code = await process.ended()
        self._workers.remove(worker)
        if self._ending.is_set():
            self._exit_code = self._exit_code or exit_code(code, is_asked_to_end=True)
        elif is_needed and not worker.is_replaced:
            early_ends = self._policy.early_ends(worker.early_ends, self._clock.now() - worker.started)
            await self._restart(f"worker {process.pid} {describe_end(code)}", early_ends)

    async def _restart(self, end: str, early_ends: int) -> None:
        while not self._ending.is_set():
            delay = self._policy.delay(early_ends)
            if delay is None:
                fields = log_fields("workers_given_up", reason=end, early_ends=early_ends)
                message = "%s, the last of %d early ends in a row: the gateway ends"
                logger.error(message, end, early_ends, extra=fields)
                self._fail()
                return
            fields = log_fields("worker_ended", reason=end, restart_seconds=delay)
            logger.error("%s: another one starts %s", end, f"in {delay:g} s" if delay else "now", extra=fields)
            await self._wait(delay)
            if self._ending.is_set() or await self._launch(early_ends, must_listen_first=False) is not None:
                return
            end, early_ends = "no worker can be started", early_ends + 1

    async def _wait(self, delay: float) -> None:
        """Wait, until all end at the latest."""
        if delay:
            with suppress(TimeoutError):
                async with time_limit(delay, self._clock):
                    await self._ending.wait()

    async def _replace_while_required(self) -> None:
        while self._must_replace:
            self._must_replace = False
            count = len(self._workers)
            logger.info("replacing %d workers", count, extra=log_fields("workers_replacing", workers=count))
            for worker in tuple(self._workers):
                if self._ending.is_set() or not await self._replace(worker):
                    break
        self._is_replacing = False

    async def _replace(self, former: _Worker) -> bool:
        """Replace a worker; return False if none can be started in its place."""
        successor = await self._launch()
        if successor is None:
            return False
        if not await successor.process.listens():
            end = describe_end(await successor.process.ended())
            pid = successor.process.pid
            fields = log_fields("worker_not_replaced", worker=pid, reason=end)
            logger.error("worker %d %s before it listened: the former workers stay", pid, end, extra=fields)
            return False
        # A former one that has ended by itself meanwhile is restarted: then the successor is one too many.
        surplus, kept = (former, successor) if former in self._workers else (successor, former)
        surplus.is_replaced = True
        surplus.process.send(Instruction.RETIRE)
        kill_timer = self._clock.call_later(self._drain_timeout + DRAIN_EXTRA_SECONDS, partial(_kill, surplus.process))
        await surplus.process.ended()
        kill_timer.cancel()
        if kept is successor:
            fields = log_fields("worker_replaced", worker=kept.process.pid, former=surplus.process.pid)
            message = "worker %d has replaced worker %d"
            logger.info(message, kept.process.pid, surplus.process.pid, extra=fields)
        return True

    def _fail(self, code: int = 0) -> None:
        """End all workers and the supervisor; unless they end already, with the exit code of what failed, or 1."""
        if self._ending.is_set():
            self._exit_code = self._exit_code or exit_code(code, is_asked_to_end=True)
        else:
            self._exit_code = exit_code(code, is_asked_to_end=False) or 1
            self._end(Instruction.DRAIN, self._drain_timeout + DRAIN_EXTRA_SECONDS)

    def _end(self, instruction: Instruction, within: float) -> None:
        if not self._ending.is_set():
            self._ending.set()
            self._on_ending()
        self._send_all(instruction)
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._kill_timer = self._clock.call_later(within, self._kill_all)

    def _kill_all(self) -> None:
        for worker in self._workers:
            _kill(worker.process)

    def _send_all(self, instruction: Instruction) -> None:
        for worker in self._workers:
            worker.process.send(instruction)


def _kill(process: Process) -> None:
    fields = log_fields("worker_killed", worker=process.pid)
    logger.error("worker %d has not ended in time: it is killed", process.pid, extra=fields)
    process.kill()
