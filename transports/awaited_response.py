"""A streamed response that begins with the first content, or a refusal if the generation fails before it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.disconnect import watch_disconnect
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.clock import RestartableTimer
from gateway.dialects.ends import refusal_of
from gateway.generation.generation import Generation
from gateway.protocol.events import Error


class AwaitedResponse(ABC):
    """The response to one request, as an ASGI application.

    A response begins with the first content: what fails before it has a status of its own, on which a client's retries
    depend. It begins after a heartbeat's time at the latest, so that no proxy takes it for dead.
    """

    def __init__(self, services: Services, generation: Generation, request: Request) -> None:
        self._services = services
        self._generation = generation
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. A client that leaves is a viewer that leaves: the generation's policy applies."""
        generation, hub = self._generation, self._services.hub
        hub.add_viewer(generation.id, self._transport)
        try:
            if not await self._wait(scope, receive):
                return
            end = generation.end
            if isinstance(end, Error) and self._is_refused(end):
                await self._refusal(end)(scope, receive, send)
            else:
                await self._response()(scope, receive, send)
        finally:
            hub.remove_viewer(generation.id, self._transport)

    @property
    def _transport(self) -> str:
        """Return the transport of a response that is no stream; "" for a stream, which is a viewer itself."""
        return ""

    def _is_refused(self, end: Error) -> bool:
        """Return True if a failure has a status of its own: nothing of the answer is in the response."""
        return not end.partial

    async def _wait(self, scope: Scope, receive: Receive) -> bool:
        """Wait until the response can begin; return False if the client has left."""
        log, loop = self._generation.log, asyncio.get_running_loop()
        timer = RestartableTimer(self._services.clock)
        timed_out = has_left = False
        changed = loop.create_future()

        def wake() -> None:
            if not changed.done():
                changed.set_result(None)

        def on_timeout() -> None:
            nonlocal timed_out
            timed_out = True
            wake()

        def on_disconnect() -> None:
            nonlocal has_left
            has_left = True
            wake()

        if (seconds := self._max_wait()) is not None:
            timer.start(seconds, on_timeout)
        log.subscribe(wake)
        leaving = watch_disconnect(scope, receive, on_disconnect)
        try:
            while not (self._is_ready() or timed_out or has_left):
                changed = loop.create_future()
                await changed
            return not has_left
        finally:
            timer.cancel()
            log.unsubscribe(wake)
            if leaving is not None:
                leaving.cancel()
                with suppress(asyncio.CancelledError):
                    await leaving

    def _max_wait(self) -> float | None:
        """Return how many seconds the response may wait until it begins; None for any time."""
        return self._services.heartbeat

    def _is_ready(self) -> bool:
        return self._generation.log.ended or self._generation.has_content

    @abstractmethod
    def _response(self) -> ASGIApp:
        """Return the response that streams."""

    def _refusal(self, end: Error) -> Response:
        refused = refusal_of(end)
        refused.param, refused.api_code = self._generation.failed_param, self._generation.failed_api_code
        response = refusal_response(refused, self._request)
        response.headers.update(self._headers())
        return response

    @abstractmethod
    def _headers(self) -> Mapping[str, str]:
        """Return the headers that name the request and its generation."""
