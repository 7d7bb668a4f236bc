"""The SSE transport: the response streams the events, commands are sent by POST."""

from collections import deque
from collections.abc import Mapping

import aiohttp
import orjson

from gateway.client.connectors import CommandName, EventFeed, HttpCommands
from gateway.client.event_decoder import decode
from gateway.client.frames import ConnectionLost, Frame, JsonMap, read_object, refusal
from gateway.client.http_session import MAX_FRAME_BYTES, HttpSession, read_refusal, translate_errors
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.event_stream import EventStreamDecoder, EventTooLongError, ServerSentEvent
from gateway.protocol.events import Error
from gateway.protocol.position import REFUSED_POSITION, format_position, parse_position


class EventStreamConnector:
    """Opens generations over SSE."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Implement `Connector.start`: one POST starts the generation, and its response is the stream."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return await self._open("POST", "api/chat/stream", headers, orjson.dumps(body))

    async def attach(self, generation_id: str, after: int, coalesce_ms: int | None = None) -> EventFeed:
        """Implement `Connector.attach`, with `Last-Event-ID`."""
        headers = {"Last-Event-ID": format_position(generation_id, after)} if after else {}
        query = {} if coalesce_ms is None else {"coalesce_ms": str(coalesce_ms)}
        return await self._open("GET", f"api/generations/{generation_id}/events", headers, query=query)

    async def _open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> EventFeed:
        accept = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        response = await self._http.request(method, path, headers={**accept, **headers}, query=query, data=data)
        if response.status not in {200, 204}:
            with translate_errors(self._http.url):
                raise await read_refusal(response)
        if response.status == 200 and response.content_type != "text/event-stream":
            response.close()
            url = self._http.url / path
            message = f"{url} does not respond like a Dualstream gateway: it sent {response.content_type}."
            raise invalid(message)
        return EventStreamFeed(response, self._http)


class EventStreamFeed:
    """The events of one response. Nothing is read ahead, so a slow reader slows the gateway's viewer down."""

    def __init__(self, response: aiohttp.ClientResponse, http: HttpSession) -> None:
        self._response = response
        self._url = http.url
        self._commands = HttpCommands(http)
        self._decoder = EventStreamDecoder(MAX_FRAME_BYTES)
        self._events: deque[ServerSentEvent] = deque()

    async def next(self) -> Frame | None:
        """Implement `EventFeed.next`.

        Raises:
            ConnectionLost: if the body ended early or was cut off.
            Refused: if the gateway refuses the request; it sends refusals as events, as to an EventSource.
        """
        # 204 (No Content): the generation has ended, and the position is at its end. It also makes an EventSource stop
        # reconnecting (WHATWG HTML, "server-sent events").
        if self._response.status == 204:
            return None
        while not self._events:
            with translate_errors(self._url):
                data = await self._response.content.readany()
            if not data:
                message = f"the stream from {self._url} ended before the terminal event"
                raise ConnectionLost(message)
            try:
                self._events.extend(self._decoder.feed(data))
            except EventTooLongError as error:
                raise ConnectionLost(str(error)) from error
        return _build_frame(self._events.popleft())

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Implement `Commands.command`, by POST."""
        return await self._commands.command(generation_id, name, fields)

    async def aclose(self) -> None:
        """Close the connection."""
        self._response.close()


def _build_frame(sent: ServerSentEvent) -> Frame:
    fields = read_object(sent.data)
    kind, position = fields.get("type"), sent.last_event_id
    # A refusal is in no log. A proxy's page may be an `error` without an id, from before `rejected` existed.
    if kind == "rejected" or (kind == Error.type and position in {"", REFUSED_POSITION}):
        raise refusal(fields)
    event = decode(fields)
    try:
        generation_id, seq = parse_position(position)
    except Refused as error:
        message = f"event without a valid position: {position[:80]!r}"
        raise ConnectionLost(message) from error
    return Frame(generation_id, seq, event)
