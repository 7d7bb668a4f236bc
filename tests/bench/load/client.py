"""One of the clients at once: it makes one request after another and enters what arrives."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from tests.bench.load.http import WireError
from tests.bench.marks import Ledger
from tests.bench.wire import Plan, Stopped, Tally

LINGERING_SECONDS = 0.1
"""How long to listen for what might still come after the last interrupt."""


class Notes:
    """What the clients of a load write into together."""

    def __init__(self, plan: Plan) -> None:
        self.tally = Tally()
        self.delays: list[int] = []
        self.first_tokens: list[int] = []
        self._left = plan.requests

    def take_request(self) -> bool:
        """Take one of the requests that are left to be made."""
        self._left -= 1
        return self._left >= 0


class Client(ABC):
    """A client; what is special about a transport is in those made of it."""

    def __init__(self, plan: Plan, notes: Notes) -> None:
        self.plan = plan
        self.notes = notes
        self.generation_id = ""
        self._line: _Line | None = None
        self._over: asyncio.Future[str] | None = None
        self._ledger = Ledger()
        self._started = 0
        self._end = ""
        self._fence: int | None = None
        self._is_finished = False
        self._interrupted_at = 0
        self._seen_at_interrupt = 0
        self._last_seq = 0

    async def run(self) -> None:
        """Make requests as long as there are some left."""
        while self.notes.take_request():
            self.notes.tally.requests += 1
            why = await self._request()
            if why:
                self.notes.tally.fail(why)
            else:
                self.notes.tally.succeeded += 1
        if self.plan.interrupt_after:
            await asyncio.sleep(LINGERING_SECONDS)
        self.leave()

    def leave(self, last_words: bytes = b"") -> None:
        """Be gone: without a word at once, else after it."""
        if self._line is None:
            return
        if last_words:
            self._line.transport.write(last_words)
            self._line.transport.close()
        else:
            self._line.transport.abort()
        self._line = None

    def write(self, data: bytes) -> None:
        """Send; to nobody, if the connection is gone."""
        if self._line is not None:
            self._line.transport.write(data)

    @abstractmethod
    def begin(self, *, fresh: bool) -> None:
        """Ask for the next stream, on a fresh connection or on the one before."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """Take in what has come.

        Raises:
            WireError: it breaks the protocol.
        """

    @abstractmethod
    async def send_interrupt(self) -> None:
        """Send the command and call `fenced`; call `sending_interrupt` just before."""

    def events(self, marks: Sequence[Sequence[bytes]], count: int) -> None:
        """Enter events that came together, and the marks in them."""
        now = time.monotonic_ns()
        tally, ledger = self.notes.tally, self._ledger
        tally.events += count
        if not marks:
            return
        if self._end:
            self._wrong("content after the end")
            return
        if not ledger.received:
            self.notes.first_tokens.append(now - self._started)
        ledger.enter(marks, now, self.notes.delays)
        tally.tokens += len(marks)
        if self.plan.leave_after and ledger.received >= self.plan.leave_after:
            self._leave_early()
        elif self.plan.interrupt_after and not self._interrupted_at and ledger.received >= self.plan.interrupt_after:
            self._interrupted_at = time.monotonic_ns()
            self._interrupting = asyncio.get_running_loop().create_task(self.send_interrupt())

    def ended(self, how: str, seq: int = 0) -> None:
        """Enter the terminal event; what comes after it is a fault."""
        if self._end:
            self._wrong("two ends")
            return
        self._end = how
        self._last_seq = seq

    def sending_interrupt(self) -> None:
        """Note when the command was sent."""
        self._interrupted_at = time.monotonic_ns()
        self._seen_at_interrupt = self._ledger.received

    def fenced(self, seq: int) -> None:
        """Enter the command's answer: the position after which only the terminal event may follow."""
        self._fence = seq
        self._settle()

    def finished(self) -> None:
        """End the stream: nothing more can come of it."""
        self._is_finished = True
        self._settle()

    def over(self, why: str = "") -> None:
        """Give the request's outcome, once."""
        if self._over is not None and not self._over.done():
            self._over.set_result(why)

    def arrived(self, line: "_Line", data: bytes) -> None:
        """Take in what came over the connection, if it is still ours."""
        if line is not self._line:
            return
        try:
            self.received(data)
        except WireError as error:
            self._wrong(f"protocol: {error}")

    def cut(self, line: "_Line") -> None:
        """Take note that the connection is gone."""
        if line is self._line:
            self._line = None
            self.over("the connection was cut")

    async def _request(self) -> str:
        self._over = asyncio.get_running_loop().create_future()
        self._ledger = Ledger()
        self._end, self._fence, self._interrupted_at, self._is_finished = "", None, 0, False
        self._started = time.monotonic_ns()
        fresh = self._line is None
        if fresh:
            try:
                _, self._line = await asyncio.get_running_loop().create_connection(
                    lambda: _Line(self), "127.0.0.1", self.plan.port
                )
            except OSError as error:
                return f"connecting: {error.strerror}"
        self.begin(fresh=fresh)
        why = await self._over
        if why:
            self.leave()
        return why

    def _wrong(self, why: str) -> None:
        """Note a fault, also of a request that has had its outcome: what follows an end follows it."""
        if self._over is not None and self._over.done() and not self._over.result():
            self.notes.tally.fail(why)
        self.over(why)

    def _leave_early(self) -> None:
        self.leave()
        self._note_stop(time.monotonic_ns(), self._ledger.received, 0)
        self.over(self._faults(None))

    def _settle(self) -> None:
        if not self._is_finished:
            return
        expected = "interrupted" if self.plan.interrupt_after else "complete"
        if self._end != expected:
            self.over(f"ended with {self._end or 'a cut'}")
        elif not self.plan.interrupt_after:
            self.over(self._faults(self.plan.tokens))
        elif self._fence is not None:
            self._note_stop(self._interrupted_at, self._seen_at_interrupt, self._last_seq - self._fence - 1)
            self.over(self._faults(None))

    def _note_stop(self, at: int, seen: int, past_fence: int) -> None:
        if self._ledger.stream is not None:
            self.notes.tally.stopped.append(Stopped(self._ledger.stream, at, seen, past_fence))

    def _faults(self, expected: int | None) -> str:
        faults, tally = self._ledger.close(expected), self.notes.tally
        tally.lost += faults.lost
        tally.doubled += faults.doubled
        tally.disordered += faults.disordered
        tally.foreign += faults.foreign
        return "tokens not as sent" if any((faults.lost, faults.doubled, faults.disordered, faults.foreign)) else ""


class _Line(asyncio.Protocol):
    """A connection of a client; what comes late over an old one is nothing to it."""

    transport: asyncio.Transport

    def __init__(self, client: Client) -> None:
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._client.arrived(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.cut(self)
