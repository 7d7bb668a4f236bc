"""The long-poll transport, for networks that let no stream pass: one request after another, and commands by POST."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson

from gateway.client.connectors import CommandName, EventFeed, HttpCommands
from gateway.client.event_decoder import decode
from gateway.client.frames import ConnectionLost, Frame, JsonMap, read_object
from gateway.client.http_session import HttpSession, read_refusal, translate_errors
from gateway.protocol.errors import invalid
from gateway.protocol.position import format_position

EMPTY_S: Final = 0.25
"""Seconds before the next poll after one without events: its response may come from a cache, at once."""

Sleep = Callable[[float], Awaitable[None]]


class LongPollConnector:
    """Opens generations by long polls."""

    def __init__(self, http: HttpSession, sleep: Sleep = asyncio.sleep) -> None:
        self._http = http
        self._sleep = sleep

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Implement `Connector.start`: one POST starts the generation, polls read it."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        started = await _read(self._http, "POST", "api/generations", headers=headers, data=orjson.dumps(body))
        generation_id = started.get("id")
        if not isinstance(generation_id, str):
            message = f"{self._http.url} does not respond like a Dualstream gateway: the start returned no id."
            raise invalid(message)
        return await self.attach(generation_id, 0)

    async def attach(self, generation_id: str, after: int, coalesce_ms: int | None = None) -> EventFeed:
        """Implement `Connector.attach`: the first poll does not wait, and shows that the generation can be read."""
        feed = LongPollFeed(self._http, generation_id, after, self._sleep, coalesce_ms)
        await feed.poll(wait=0)
        return feed


class LongPollFeed:
    """The events of one generation. While those of a response are read, the next poll is under way."""

    def __init__(
        self, http: HttpSession, generation_id: str, after: int, sleep: Sleep, coalesce_ms: int | None = None
    ) -> None:
        self._http = http
        self._path = f"api/generations/{generation_id}/poll"
        self._position = format_position(generation_id, after)
        self._sleep = sleep
        self._query = {} if coalesce_ms is None else {"coalesce_ms": str(coalesce_ms)}
        self._commands = HttpCommands(http)
        self._frames: deque[Frame] = deque()
        self._ended = False
        self._closed = False
        self._polling: asyncio.Task[None] | None = None

    async def next(self) -> Frame | None:
        """Implement `EventFeed.next`.

        Raises:
            ConnectionLost: if a response was lost, or is not the gateway's.
            Refused: if the gateway refuses the request.
        """
        while not self._frames:
            if self._ended:
                return None
            polling = self._polling or self._begin()
            # If this is cancelled, the poll goes on: to break it would be to leave the generation.
            await asyncio.wait({polling})
            self._polling = None
            if self._closed:
                message = "the answer was closed"
                raise ConnectionLost(message)
            polling.result()
        if not self._ended and self._polling is None:
            self._begin()
        return self._frames.popleft()

    async def poll(self, *, wait: float) -> None:
        """Poll once, and keep the events of the response for `next`. `wait` is in seconds.

        Raises:
            ConnectionLost: if the response was lost, or is not the gateway's.
            Refused: if the gateway refuses the request.
        """
        query = {"after": self._position, "wait": f"{wait:g}", **self._query}
        answer = await _read(self._http, "GET", self._path, query=query)
        events, position, ended = answer.get("events"), answer.get("position"), answer.get("ended")
        if not isinstance(events, list) or not isinstance(position, str):
            message = f"{self._http.url / self._path} does not respond like a Dualstream gateway."
            raise invalid(message)
        self._frames.extend(map(_build_frame, events))
        self._position, self._ended = position, ended is True

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Implement `Commands.command`, by POST."""
        return await self._commands.command(generation_id, name, fields)

    async def aclose(self) -> None:
        """Break the poll that is under way."""
        self._closed = True
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None]:
        self._polling = asyncio.create_task(self._poll_for_events())
        return self._polling

    async def _poll_for_events(self) -> None:
        # A poll is silent for as long as it waits: less than the time after which a connection counts as dead.
        await self.poll(wait=self._http.idle_s / 2)
        if not self._frames and not self._ended:
            await self._sleep(EMPTY_S)


async def _read(
    http: HttpSession,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> JsonMap:
    """Send a request and return the JSON object of its response."""
    response = await http.request(method, path, headers=headers, query=query, data=data)
    with translate_errors(http.url):
        if not response.ok:
            raise await read_refusal(response)
        async with response:
            return read_object(await response.read())


def _build_frame(fields: object) -> Frame:
    if not isinstance(fields, dict):
        message = "not an event"
        raise ConnectionLost(message)
    generation_id, seq = fields.get("generation_id"), fields.get("seq")
    if not isinstance(generation_id, str) or not isinstance(seq, int):
        message = f"event without a valid position: {str(generation_id)[:80]!r}"
        raise ConnectionLost(message)
    return Frame(generation_id, seq, decode(fields))
