"""The events of `GET /api/console/events`, over as many connections as that takes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import orjson

from gateway.cli.top.board import JsonMap
from gateway.client.client import parse_url
from gateway.client.frames import ConnectionLost, refusal
from gateway.client.http_session import HttpSession, HttpSettings, basic_authorization, read_refusal, translate_errors
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.event_stream import EventStreamDecoder, EventTooLongError

PATH: Final = "api/console/events"
CONNECT_SECONDS: Final = 10.0

IDLE_SECONDS: Final = 60.0
"""Time without any byte after which the connection is taken for lost: the gateway sends a heartbeat more often."""

RETRY_SECONDS: Final = 1.0
MAX_EVENT_BYTES: Final = 4 << 20


Sleep = Callable[[float], Awaitable[None]]


class ConsoleFeed:
    """Reads the events of a gateway. Must be built in a running event loop; `aclose` it."""

    def __init__(self, url: str, token: str | None) -> None:
        address = parse_url(url)
        self.url = address.with_user(None)
        settings = HttpSettings(
            self.url, token, basic_authorization(address), CONNECT_SECONDS, IDLE_SECONDS, ssl_context=None
        )
        self._http = HttpSession(settings)

    async def events(self) -> AsyncGenerator[tuple[str, JsonMap], None]:
        """Yield the events of one connection, each with its name.

        Raises:
            Refused: the gateway refuses it.
            ConnectionLost: it was lost.
        """
        response = await self._http.request("GET", PATH, headers={"Accept": "text/event-stream"})
        try:
            if response.status != 200:
                with translate_errors(self.url):
                    raise await read_refusal(response)
            if response.content_type != "text/event-stream":
                message = (
                    f"{self.url / PATH} does not respond like a Dualstream gateway: it sent {response.content_type}."
                )
                raise invalid(message)
            decoder = EventStreamDecoder(MAX_EVENT_BYTES)
            while True:
                with translate_errors(self.url):
                    data = await response.content.readany()
                if not data:
                    message = f"the stream from {self.url} ended"
                    raise ConnectionLost(message)
                try:
                    received = decoder.feed(data)
                except EventTooLongError as error:
                    raise ConnectionLost(str(error)) from error
                for event in received:
                    yield event.event or "message", _parse(event.data)
        finally:
            response.close()

    async def follow(
        self, on_event: Callable[[str, JsonMap], None], on_problem: Callable[[str], None], sleep: Sleep = asyncio.sleep
    ) -> None:
        """Pass on events until the task is cancelled; after the first one, a lost connection is made again.

        Raises:
            Refused: the gateway refuses it.
            ConnectionLost: there was no event yet.
        """
        has_begun = False
        while True:
            try:
                async for name, data in self.events():
                    has_begun = True
                    on_event(name, data)
            except ConnectionLost as lost:
                if not has_begun:
                    raise
                on_problem(str(lost))
            except Refused as refused:
                if not (has_begun and refused.retryable):
                    raise
                on_problem(refused.message)
            await sleep(RETRY_SECONDS)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def _parse(data: bytes) -> JsonMap:
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict):
        if "code" in value and "message" in value:
            # What looks like an EventSource is sent refusals as events.
            raise refusal(value)
        return value
    message = "an event is not a JSON object: is it a Dualstream gateway?"
    raise ConnectionLost(message)
