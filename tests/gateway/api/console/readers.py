"""Consoles that a test reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from gateway.protocol.event_stream import EventStreamDecoder, ServerSentEvent

TIMEOUT = 10.0


@dataclass
class ConsoleReader:
    """One console: the events of its stream."""

    response: aiohttp.ClientResponse
    _decoder: EventStreamDecoder = field(default_factory=EventStreamDecoder)
    _events: list[ServerSentEvent] = field(default_factory=list)

    async def next(self) -> tuple[str, Any] | None:
        """Return the name and the data of the next event; None at the end of the stream."""
        async with asyncio.timeout(TIMEOUT):
            while not self._events:
                piece = await self.response.content.readany()
                if not piece:
                    return None
                self._events += self._decoder.feed(piece)
        event = self._events.pop(0)
        return event.event, orjson.loads(event.data)


@asynccontextmanager
async def console(session: aiohttp.ClientSession) -> AsyncIterator[ConsoleReader]:
    """Open a console."""
    async with session.get("/api/console/events") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        yield ConsoleReader(response)
