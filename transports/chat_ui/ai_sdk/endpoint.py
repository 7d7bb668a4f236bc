"""The chat of the AI SDK over HTTP: send a message, resume its answer, stop it."""

import re
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.coalescing import coalesce_header
from gateway.api.context import principal
from gateway.api.interrupts import counted_interrupt
from gateway.api.requests import JSON_TYPES, read_json, read_json_object
from gateway.api.responses import id_headers, json_response, no_content
from gateway.api.services import Services
from gateway.dialects.base import Dialect, DialectStart
from gateway.dialects.ends import refusal_of
from gateway.dialects.fields import malformed
from gateway.dialects.numbering import count_events
from gateway.generation.event_log import EPOCH_EVENTS, merge
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Error
from transports.chat_ui.ai_sdk.chats import Chats, replay
from transports.chat_ui.ai_sdk.response import AiSdkResponse, stream_headers
from transports.chat_ui.endpoint import ChatUiEndpoint
from transports.chat_ui.newest import stop
from transports.projected.stream import NumberedFraming, ProjectedStream

_CONTENT_TYPES: Final = JSON_TYPES | {"text/plain"}
"""`WorkflowChatTransport` names no content type: browsers and Node.js send JSON as text then."""

_INDEX: Final = re.compile(r"-?[0-9]{1,9}")


class AiSdkEndpoint(ChatUiEndpoint):
    """The routes of a chat."""

    response_type = AiSdkResponse

    def __init__(self, services: Services, dialect: Dialect, path: str = "") -> None:
        super().__init__(services, dialect, path)
        self._chats = Chats(services, dialect)

    async def _read(self, request: Request) -> JsonObject:
        return await read_json_object(request, self._services, content_types=_CONTENT_TYPES)

    async def _add_alias(self, generation: Generation, start: DialectStart, request: Request) -> None:
        await self._chats.add(generation, start.alias, principal(request))

    async def resume(self, request: Request) -> Response | ProjectedStream:
        """Stream the newest answer of a chat from its beginning, or from a chunk on; 204 without one.

        Also an answer that has ended, as long as it is held: its client may have lost the connection before.

        Raises:
            Refused: the request is not valid, or the answer failed before it began.
        """
        index, coalesce_ms = _start_index(request), coalesce_header(request.headers)
        generation = await self._chats.find(request.path_params["chat_id"], principal(request))
        if generation is None:
            return no_content(request)
        projection = replay(generation, request.headers, numbered=index is not None)
        headers = {**stream_headers(generation), **id_headers(request, generation)}
        if index is None:
            if isinstance(end := generation.end, Error) and not end.partial:
                raise refusal_of(end)
            parts = (self._services, self._dialect, projection, generation, headers)
            return ProjectedStream(*parts, coalesce_ms=coalesce_ms)
        count = chunk_count(generation)
        skip = index if index >= 0 else max(count + index, 0)
        # A client that is ahead of what a lost gateway has left behind gets the end.
        is_ahead = skip > count and generation.log.last > EPOCH_EVENTS
        if generation.log.ended and skip >= count and not is_ahead:
            # Without this, `WorkflowChatTransport` would ask for more at once, for ever.
            return no_content(request)
        headers["X-Workflow-Stream-Tail-Index"] = str(count - 1)
        return ProjectedStream(
            *(self._services, self._dialect, projection, generation, headers),
            framing_type=partial(NumberedFraming, skip=skip),
            coalesce_ms=coalesce_ms,
        )

    async def stop(self, request: Request) -> Response:
        """Stop the newest answer of a chat; one that has ended stays as it is.

        `activeStreamId` in the body is the id of the generation that is meant: another one goes on.

        Raises:
            Refused: the body is not valid, or there are too many requests.
        """
        read_at, sender = self._services.clock.now(), principal(request)
        generation = await self._chats.find(request.path_params["chat_id"], sender)
        generation_id = "" if generation is None else generation.id
        async with counted_interrupt(self._services, generation_id, sender, read_at) as count:
            body = await read_json(request, self._services, empty={}, content_types=_CONTENT_TYPES)
            meant, reason = _stop_fields(body)
            if generation is not None and meant in {None, generation.id}:
                count.stopped = await stop(self._services, generation.id, sender, read_at, reason)
        named = {} if generation is None else {"activeStreamId": generation.id, "state": generation.state}
        return json_response(request, {"success": True, "stopped": count.stopped, **named})


def chunk_count(generation: Generation) -> int:
    """Return how many chunks an answer has so far; what ends a response is none."""
    projection = replay(generation, {}, numbered=True, done=False)
    return count_events(projection, merge(generation.log.since(0), with_ends=True))


def _start_index(request: Request) -> int | None:
    """Return the number of the first chunk that the client wants, or how many of the last ones, negative."""
    text = request.query_params.get("startIndex")
    if text is None:
        return None
    if _INDEX.fullmatch(text) is None:
        raise malformed("startIndex", "must be an integer: the number of the first chunk, or -20 for the last 20")
    return int(text)


def _stop_fields(body: object) -> tuple[str | None, str]:
    """Return which generation is meant, None for any, and why it is stopped."""
    if not isinstance(body, dict):
        raise malformed("body", "must be a JSON object, or empty")
    meant, reason = body.get("activeStreamId"), body.get("reason", "stopped by the user")
    if not isinstance(meant, str | None):
        raise malformed("activeStreamId", "must be a string: the generationId of the message's metadata")
    if not isinstance(reason, str) or len(reason) > 1000:
        raise malformed("reason", "must be a string of at most 1000 characters")
    return meant, reason
