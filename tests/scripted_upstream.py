"""An upstream that sends its answers step by step, as the test says."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from gateway.protocol.errors import Failed
from gateway.protocol.events import Chunk, Usage
from gateway.upstreams.base import NEVER_READ, FastPath, Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from gateway.upstreams.documents import DocumentRequest


@dataclass
class ScriptedCall:
    """A call of a `ScriptedUpstream`, with methods that send its response."""

    request: UpstreamRequest
    closed: bool = False
    is_done: bool = False
    """What it sends next is read together with its end."""
    ends_in_future: bool = False
    """The response is awaited as a future, as one over HTTP is; else as a coroutine."""
    _opening: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _reads: asyncio.Queue[Sequence[UpstreamEvent] | Failed | None] = field(default_factory=asyncio.Queue)

    def accept(self) -> None:
        """Send the headers."""
        self._opening.set_result(None)

    def refuse(self, failure: Failed) -> None:
        """Fail before the headers."""
        self._opening.set_exception(failure)

    def send(self, *events: UpstreamEvent | str) -> None:
        """Send upstream events as one read; a string is a chunk."""
        self._reads.put_nowait([Chunk(event) if isinstance(event, str) else event for event in events])

    def finish(self, reason: str = "stop", usage: Usage | None = None) -> None:
        """Send the finish, and the usage if there is one, and end the response."""
        self.send(Finished(reason), *([usage] if usage else []))
        self._reads.put_nowait(None)

    def fail(self, failure: Failed) -> None:
        """Fail after the headers."""
        self._reads.put_nowait(failure)


@dataclass
class ScriptedFetch:
    """A request to another endpoint; the test sets the document that answers it, or a failure."""

    request: DocumentRequest
    document: asyncio.Future[bytes] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    closed: bool = False


class ScriptedUpstream:
    """An upstream whose calls wait for the test; `calls` lists them. With `auto_accept`, headers come at once.

    `fetched` lists the requests to its other endpoints.
    """

    name = "scripted"
    api = "openai"
    native: bool = False
    """Whether it can continue a final assistant message."""

    def __init__(self, *, auto_accept: bool = True, native: bool = False) -> None:
        self.calls: list[ScriptedCall] = []
        self.fetched: list[ScriptedFetch] = []
        self.native = native
        self._auto_accept = auto_accept

    @property
    def last(self) -> ScriptedCall:
        return self.calls[-1]

    @property
    def open_calls(self) -> int:
        return sum(not call.closed for call in self.calls)

    def can_continue(self, _request: UpstreamRequest) -> bool:
        return self.native

    async def open(self, request: UpstreamRequest) -> UpstreamResponse:
        scripted = ScriptedCall(request)
        self.calls.append(scripted)
        try:
            if self._auto_accept:
                scripted.accept()
            await scripted._opening
        except BaseException:
            scripted.closed = True
            raise
        finally:
            # An exception refers to this frame, and the future to the exception: drop the reference cycle.
            scripted._opening = asyncio.get_running_loop().create_future()
            scripted._opening.cancel()
        return _ScriptedResponse(request.model, scripted)

    async def fetch(self, request: DocumentRequest) -> bytes:
        fetched = ScriptedFetch(request)
        self.fetched.append(fetched)
        try:
            return await fetched.document
        finally:
            fetched.closed = True

    async def close(self) -> None:
        pass


class _ScriptedResponse:
    def __init__(self, model: str, scripted: ScriptedCall) -> None:
        self.model, self.reads, self.is_done = model, NEVER_READ, False
        self._scripted = scripted
        self._stopped = False

    def stream(self, on_events: Callable[[Sequence[UpstreamEvent]], None]) -> Awaitable[None]:
        streaming = self._stream(on_events)
        return asyncio.ensure_future(streaming) if self._scripted.ends_in_future else streaming

    async def _stream(self, on_events: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        while (events := await self._scripted._reads.get()) is not None and not self._stopped:
            if isinstance(events, Failed):
                try:
                    raise events
                finally:
                    # The exception refers to this frame, which must not refer to it: a reference cycle.
                    del events
            self.is_done = self._scripted.is_done
            on_events(events)

    def use_fast_path(self, fast_path: FastPath) -> None:
        pass

    def stop(self) -> None:
        self._stopped = True
        self._scripted._reads.put_nowait(None)

    def complete(self) -> None:
        self.stop()

    async def close(self) -> None:
        self._scripted.closed = True
