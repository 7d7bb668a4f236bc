"""A clock and an upstream that tests move by hand."""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from gateway.generation.event_log import EventLog
from gateway.protocol.commands import Message, StartRequest
from gateway.protocol.errors import Failed
from gateway.protocol.events import Chunk, Usage
from gateway.security.principals import anonymous
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse

ANYBODY = anonymous("")
"""The principal of a gateway without keys."""


class ManualClock:
    """A clock that only `advance` moves."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._order = count()
        self._timers: list[tuple[float, int, ManualTimer]] = []

    def now(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> "ManualTimer":
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (self._now + delay, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Advance by some seconds; each timer that is due is called at its own time."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                callback = timer.callback
                timer.cancel()
                callback()
        self._now = end

    @property
    def pending(self) -> int:
        """Return the number of timers that are still to be called."""
        return sum(not timer.cancelled for _, _, timer in self._timers)


@dataclass
class ManualTimer:
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Drop the callback, as the event loop's own timers do."""
        self.cancelled, self.callback = True, lambda: None


async def settle() -> None:
    """Run all tasks until each waits for something."""
    for _ in range(50):
        await asyncio.sleep(0)


@dataclass
class ScriptedCall:
    """A call of a `ScriptedUpstream`, with methods that send its response."""

    call: UpstreamRequest
    closed: bool = False
    _opening: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _parts: asyncio.Queue[Sequence[UpstreamEvent] | Failed | None] = field(default_factory=asyncio.Queue)

    def accept(self) -> None:
        """Send the headers."""
        self._opening.set_result(None)

    def refuse(self, failure: Failed) -> None:
        """Fail before the headers."""
        self._opening.set_exception(failure)

    def send(self, *parts: UpstreamEvent | str) -> None:
        """Send upstream events as one read; a string is a chunk."""
        self._parts.put_nowait([Chunk(part) if isinstance(part, str) else part for part in parts])

    def finish(self, reason: str = "stop", usage: Usage | None = None) -> None:
        """Send the finish, and the usage if there is one, and end the response."""
        self.send(Finished(reason), *([usage] if usage else []))
        self._parts.put_nowait(None)

    def fail(self, failure: Failed) -> None:
        """Fail after the headers."""
        self._parts.put_nowait(failure)


class ScriptedUpstream:
    """An upstream whose calls wait for the test; `calls` lists them. With `prompt`, each sends its headers at once."""

    name = "scripted"
    native: bool = False
    """Whether it can continue a final assistant message."""

    def __init__(self, *, prompt: bool = True, native: bool = False) -> None:
        self.calls: list[ScriptedCall] = []
        self.native = native
        self._prompt = prompt

    @property
    def last(self) -> ScriptedCall:
        return self.calls[-1]

    @property
    def open_calls(self) -> int:
        return sum(not call.closed for call in self.calls)

    def can_continue(self, _call: UpstreamRequest) -> bool:
        return self.native

    async def open(self, call: UpstreamRequest) -> UpstreamResponse:
        scripted = ScriptedCall(call)
        self.calls.append(scripted)
        try:
            if self._prompt:
                scripted.accept()
            await scripted._opening
        except BaseException:
            scripted.closed = True
            raise
        finally:
            # An exception refers to this frame, and the future to the exception: drop the reference cycle.
            scripted._opening = asyncio.get_running_loop().create_future()
            scripted._opening.cancel()
        return _ScriptedResponse(call.model, scripted)

    async def close(self) -> None:
        pass


class _ScriptedResponse:
    def __init__(self, model: str, scripted: ScriptedCall) -> None:
        self.model = model
        self._scripted = scripted
        self._stopped = False

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        while (parts := await self._scripted._parts.get()) is not None and not self._stopped:
            if isinstance(parts, Failed):
                try:
                    raise parts
                finally:
                    # The exception refers to this frame, which must not refer to it: a reference cycle.
                    del parts
            take(parts)

    def stop(self) -> None:
        self._stopped = True
        self._scripted._parts.put_nowait(None)

    async def close(self) -> None:
        self._scripted.closed = True


def ask(text: str = "Hello", **options: object) -> StartRequest:
    """Return a start request with one user message."""
    return StartRequest.model_validate({"messages": [{"role": "user", "content": text}], "options": options})


def user(text: str) -> Message:
    return Message(role="user", content=text)


def types(log: EventLog) -> list[str]:
    """Return the types of a log's events; adjacent chunks count as one."""
    seen: list[str] = []
    for entry in log.since(0):
        if not (seen and entry.event.type == seen[-1] == "chunk"):
            seen.append(entry.event.type)
    return seen
