"""Server-sent events: the stream comes in a response, commands go by POST."""

from collections import deque
from collections.abc import Mapping

import aiohttp
import orjson
from yarl import URL

from gateway.client.connectors import LONGEST_FRAME, CommandName, EventFeed, HttpCommands, foreign_errors, refused
from gateway.client.frames import ConnectionLost, Frame, JsonMap, decode, read_object
from gateway.protocol.errors import Code, Refused, invalid
from gateway.protocol.event_stream import EventStreamDecoder, LineTooLongError, ServerSentEvent
from gateway.protocol.events import Error
from gateway.protocol.position import parse_position, position


class EventStreamConnector:
    """Generations over server-sent events."""

    def __init__(self, session: aiohttp.ClientSession, base: URL, posts: HttpCommands) -> None:
        self._session = session
        self._base = base
        self._posts = posts

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Start and stream in one response; as `Link.start`."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return await self._open("POST", self._base / "api/chat/stream", headers, orjson.dumps(body))

    async def attach(self, generation_id: str, after: int) -> EventFeed:
        """Attach with `Last-Event-ID`; as `Link.attach`."""
        headers = {"Last-Event-ID": position(generation_id, after)} if after else {}
        return await self._open("GET", self._base / "api/generations" / generation_id / "events", headers)

    async def _open(self, method: str, url: URL, headers: Mapping[str, str], data: bytes | None = None) -> EventFeed:
        accept = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        with foreign_errors(self._base):
            response = await self._session.request(
                method, url, data=data, headers={**accept, **headers}, allow_redirects=False
            )
            if response.status not in {200, 204}:
                raise await refused(response)
        if response.status == 200 and response.content_type != "text/event-stream":
            response.close()
            message = f"{url} did not answer as a Dualstream gateway: it sent {response.content_type}."
            raise invalid(message)
        return EventStreamFeed(response, self._base, self._posts)


class EventStreamFeed:
    """The events of one response. Nothing is read ahead: a reader that is slow holds the gateway's viewer back."""

    def __init__(self, response: aiohttp.ClientResponse, base: URL, posts: HttpCommands) -> None:
        self._response = response
        self._base = base
        self._posts = posts
        self._decoder = EventStreamDecoder(LONGEST_FRAME)
        self._frames: deque[ServerSentEvent] = deque()

    async def next(self) -> Frame | None:
        """Wait for the next frame; as `EventFeed.next`.

        Raises:
            CutError: when the body ended or broke.
            Refused: when the gateway does not know the generation.
        """
        if self._response.status == 204:
            return None
        while not self._frames:
            with foreign_errors(self._base):
                read = await self._response.content.readany()
            if not read:
                message = f"the stream from {self._base} ended before the answer did"
                raise ConnectionLost(message)
            try:
                self._frames.extend(self._decoder.feed(read))
            except LineTooLongError as error:
                raise ConnectionLost(str(error)) from error
        return _frame(self._frames.popleft())

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Send a command by POST; as `Commands.command`."""
        return await self._posts.command(generation_id, name, fields)

    async def aclose(self) -> None:
        """Close the connection."""
        self._response.close()


def _frame(sent: ServerSentEvent) -> Frame:
    fields = read_object(sent.data)
    event = decode(fields)
    if not sent.last_event_id and isinstance(event, Error):
        # An error without a position is of no log: the generation is not known (any more).
        raise _unlogged(event)
    try:
        generation_id, seq = parse_position(sent.last_event_id)
    except Refused as error:
        message = f"an event without a readable position: {sent.last_event_id[:80]!r}"
        raise ConnectionLost(message) from error
    return Frame(generation_id, seq, event)


def _unlogged(event: Error) -> Refused:
    code = Code(event.code) if event.code in set(Code) else Code.SERVER_ERROR
    return Refused(code, event.message, retry_after_ms=event.retry_after_ms)
