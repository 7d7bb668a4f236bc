"""The response of one console: its events, until its client leaves, its rights end, or the gateway drains."""

import asyncio

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from gateway.api.console.ticker import Ticker
from gateway.api.console.view import View
from gateway.api.context import principal
from gateway.api.disconnect import wait_for_disconnect
from gateway.api.requests import request_id
from gateway.api.responses import STREAM_HEADERS
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.asgi import direct_writer
from gateway.clock import time_limit
from gateway.protocol.errors import Refused
from gateway.security.principals import Principal

HEARTBEAT = b": hb\n"


class ConsoleStream:
    """An ASGI application of one response. Its client comes back, as an EventSource does."""

    def __init__(self, services: Services, ticker: Ticker) -> None:
        self._services = services
        self._ticker = ticker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client has left or must leave.

        Raises:
            Refused: `rate_limit`: its client reads too many streams; or `shutting_down`.
        """
        connection = HTTPConnection(scope)
        enter_stream(self._services, connection)
        headers = {
            **STREAM_HEADERS,
            "Content-Type": "text/event-stream",
            "X-Request-ID": request_id(connection),
        }
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        leaving, departures = asyncio.Event(), self._services.hub.departures
        departures.add(leaving.set)
        self._ticker.enter(leaving.set)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": encoded})
            is_complete = await self._serve(principal(connection), receive, send, leaving)
        finally:
            self._ticker.leave(leaving.set)
            departures.remove(leaving.set)
        if is_complete:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif (writer := direct_writer(scope)) is not None:
            writer.abort()

    async def _serve(self, reader: Principal, receive: Receive, send: Send, leaving: asyncio.Event) -> bool:
        """Return True if the body is to be ended; otherwise its client is gone, or does not read."""
        pump = asyncio.create_task(self._pump(reader, send))
        gone = asyncio.create_task(wait_for_disconnect(receive))
        sent_away = asyncio.create_task(leaving.wait())
        tasks = (pump, gone, sent_away)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                return pump.result()
            return sent_away.done() and not gone.done()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _pump(self, reader: Principal, send: Send) -> bool:
        """Send views; return True once the client may not see them any more, and False if it does not read."""
        clock, view = self._services.clock, None
        last_write = clock.now()
        while True:
            new: View = await self._ticker.newer_than(view)
            if not self._may_read(reader):
                return True
            frame = self._ticker.frame(view, new)
            view = new
            if not frame and clock.now() - last_write >= self._services.heartbeat:
                frame = HEARTBEAT
            if frame:
                last_write = clock.now()
                try:
                    async with time_limit(self._services.viewer_timeout, clock):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
                except TimeoutError:
                    return False

    def _may_read(self, reader: Principal) -> bool:
        """Return True while the credential is valid and has the role: a console may stay open for days."""
        try:
            return self._services.authenticator.renew(reader).operates
        except Refused:
            return False
