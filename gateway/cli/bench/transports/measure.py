"""Reads answers as a client does, on each transport in turn, and records what it sees."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.cli.bench.transports.counting import ByteCount
from gateway.cli.bench.transports.cpu import process_seconds
from gateway.cli.bench.transports.plan import AWAY_SECONDS, Plan
from gateway.cli.bench.transports.sample import NANOSECONDS, Answer, Cpu, Failure, Recorder, Recovery, Sample
from gateway.client import TransportName
from gateway.client.client import CONNECTORS
from gateway.client.connectors import EventFeed
from gateway.client.frames import ConnectionLost
from gateway.client.http_session import HttpSession, HttpSettings
from gateway.protocol.errors import Refused
from gateway.protocol.events import Error, Interrupted

now = time.monotonic_ns


class NoAnswerError(Exception):
    """Not one answer of the warm-up came: the gateway can't be measured. The message has the first failure."""


class UnexpectedEndError(Exception):
    """An answer ended before it was cut or stopped: it is too short for the measurement, or has failed."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured so far."""

    samples: list[Sample] = field(default_factory=list)
    cpu: list[Cpu] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """Measures a gateway. `gateway_pid` is its process if it runs on this machine, for its CPU."""

    plan: Plan
    settings: HttpSettings
    gateway_pid: int | None = None

    async def run(self, measured: Measurements, report: Callable[[Sample], None]) -> None:
        """Measure all rounds, and call `report` with each sample. What was measured is added as it is known.

        Raises:
            NoAnswerError: the gateway can't be measured on any of the transports.
        """
        # Uncounted: the first requests of a process load modules, and open what later ones find open.
        warm_up = Measurements()
        for transport in self.plan.transports:
            await self._run_turn(-1, transport, 1, warm_up, lambda _sample: None)
        failed = [sample.outcome for sample in warm_up.samples if isinstance(sample.outcome, Failure)]
        if len(failed) == len(warm_up.samples):
            message = f"{failed[0].code}: {failed[0].message}"
            raise NoAnswerError(message)
        for number, transport in self.plan.turns():
            await self._run_turn(number, transport, self.plan.concurrency, measured, report)

    async def _run_turn(
        self,
        number: int,
        transport: TransportName,
        concurrency: int,
        measured: Measurements,
        report: Callable[[Sample], None],
    ) -> None:
        """Read answers to their ends, and then others that are cut and stopped."""

        def add(outcome: Answer | Recovery | Failure) -> None:
            sample = Sample(number, transport, outcome)
            measured.samples.append(sample)
            report(sample)

        # The CPU of this thread alone: the progress bar is drawn by another one.
        client, gateway = time.thread_time(), self._gateway_seconds()
        first = len(measured.samples)
        await self._run_together(concurrency, lambda: self._read_answer(transport), add)
        used, used_there = time.thread_time() - client, self._gateway_seconds()
        read = [sample.outcome for sample in measured.samples[first:]]
        events = sum(outcome.events for outcome in read if isinstance(outcome, Answer))
        if all(isinstance(outcome, Answer) for outcome in read):
            there = None if gateway is None or used_there is None else used_there - gateway
            measured.cpu.append(Cpu(number, transport, events, used, there))
        await self._run_together(concurrency, lambda: self._recover(transport), add)

    def _gateway_seconds(self) -> float | None:
        return None if self.gateway_pid is None else process_seconds(self.gateway_pid)

    async def _run_together(
        self,
        concurrency: int,
        measure: Callable[[], Awaitable[Answer | Recovery | Failure]],
        add: Callable[[Answer | Recovery | Failure], None],
    ) -> None:
        async def one() -> None:
            try:
                async with asyncio.timeout(self.plan.timeout):
                    outcome = await measure()
            except TimeoutError:
                outcome = Failure("timeout", f"The answer took longer than {self.plan.timeout:g} seconds.")
            except Refused as refused:
                outcome = Failure(refused.code.value, refused.message)
            except ConnectionLost as lost:
                outcome = Failure(lost.code.value, str(lost))
            except UnexpectedEndError as ended:
                outcome = Failure("too_short", str(ended))
            add(outcome)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(one())

    async def _read_answer(self, transport: TransportName) -> Answer | Failure:
        """Read one answer to its end, on a connection of its own."""
        count = ByteCount()
        http = HttpSession(self.settings, count.open)
        try:
            recorder = Recorder(now())
            feed = await CONNECTORS[transport](http).start(self.plan.body, secrets.token_urlsafe(16))
            try:
                while recorder.terminal is None and (frame := await feed.next()) is not None:
                    recorder.add(frame, now())
            finally:
                await feed.aclose()
        finally:
            await http.aclose()
        return recorder.answer(count.traffic())

    async def _recover(self, transport: TransportName) -> Recovery:
        """Lose the connection of an answer, attach to it again on another one, and stop it there."""
        recorder = Recorder(now())
        http = HttpSession(self.settings)
        try:
            feed = await CONNECTORS[transport](http).start(self.plan.body, secrets.token_urlsafe(16))
            try:
                await _read_chunks(feed, recorder, self.plan.cut_after)
            finally:
                await feed.aclose()
        finally:
            await http.aclose()
        last = recorder.last
        if last is None:
            message = "The answer had no event."
            raise UnexpectedEndError(message)
        await asyncio.sleep(AWAY_SECONDS)
        http = HttpSession(self.settings)
        try:
            began = now()
            feed = await CONNECTORS[transport](http).attach(last.generation_id, last.seq)
            try:
                again = Recorder(began)
                await _read_chunks(feed, again, 1)
                reconnect = (now() - began) / NANOSECONDS
                await _read_chunks(feed, again, self.plan.cut_after)
                return Recovery(reconnect, *await _stop(feed, last.generation_id, again))
            finally:
                await feed.aclose()
        finally:
            await http.aclose()


async def _read_chunks(feed: EventFeed, recorder: Recorder, chunks: int) -> None:
    """Read until `chunks` more chunks have come.

    Raises:
        UnexpectedEndError: the answer ended before.
    """
    wanted = recorder.chunks + chunks
    while recorder.chunks < wanted:
        frame = await feed.next()
        if frame is not None:
            recorder.add(frame, now())
        if frame is None or recorder.terminal is not None:
            end = recorder.terminal
            reason = end.message if isinstance(end, Error) else "choose a --model whose answers are longer"
            message = f"The answer ended after {recorder.chunks} chunks: {reason}"
            raise UnexpectedEndError(message)


async def _stop(feed: EventFeed, generation_id: str, recorder: Recorder) -> tuple[float, float]:
    """Interrupt an answer; return the seconds to the acknowledgement and to the terminal event.

    Raises:
        UnexpectedEndError: the answer ended by itself.
    """
    began = now()

    async def command() -> float:
        await feed.command(generation_id, "interrupt", {})
        return (now() - began) / NANOSECONDS

    acknowledged = asyncio.create_task(command())
    try:
        while recorder.terminal is None and (frame := await feed.next()) is not None:
            recorder.add(frame, now())
        ended = (now() - began) / NANOSECONDS
        seconds = await acknowledged
    finally:
        acknowledged.cancel()
    if not isinstance(recorder.terminal, Interrupted):
        message = "The answer ended before it could be stopped: choose a --model whose answers are longer"
        raise UnexpectedEndError(message)
    return seconds, ended
