"""A streamed response, read inside the callback of the socket: no task is woken for a chunk.

The usual way (`async for` over the body) wakes a task for each read, in a later turn of the event loop. Here the whole
path of a chunk, from the socket to the event log, is one call stack.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import cast

import aiohttp

from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import ErrorData, EventStreamDecoder, EventTooLongError
from gateway.protocol.events import TextBatch, Verbatim
from gateway.upstreams.base import FastPath, UpstreamEvent
from gateway.upstreams.body_start import EVENT_STREAM, BodyStart
from gateway.upstreams.connections import UpstreamConnection
from gateway.upstreams.errors.failures import from_document, from_error_event, unreadable
from gateway.upstreams.errors.network import broken_off
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.light_response import read_available, replace_queues
from gateway.upstreams.long_text import MAX_CHARS, cut_long
from gateway.upstreams.text_template import DATA, ChunkLayout, TextTemplate, data_start
from gateway.upstreams.verbatim_line import has_key, verbatim_line

SIZE_FORMATS = (b"%x\r\n", b"%X\r\n")
"""How servers write the size of a chunk: in small or in capital letters, without zeros before it."""

DRAIN_SECONDS = 0.1
"""Seconds to wait, after the end mark, for the end of the body."""


class StreamedResponse:
    """A response with a text/event-stream body; see `UpstreamResponse`."""

    __slots__ = (
        *("_body", "_connection", "_decoder", "_ended", "_fast_path", "_has_more", "_is_plain_text", "_max_bytes"),
        *("_on_events", "_parsed_bytes", "_reader", "_reading", "_start", "_stopped", "_template", "_verbatim"),
        *("is_done", "model", "reads"),
    )

    def __init__(
        self,
        model: str,
        connection: UpstreamConnection,
        body: aiohttp.StreamReader,
        reader: EventReader,
        max_event_bytes: int,
        content_type: str = EVENT_STREAM,
        *,
        verbatim: bool = False,
    ) -> None:
        self.model = model
        self.reads = connection.reads
        self.is_done = False
        self._connection = connection
        self._body = body
        self._reader = reader
        self._decoder = EventStreamDecoder(max_event_bytes)
        self._template = TextTemplate()
        self._max_bytes = max_event_bytes
        self._verbatim = verbatim
        """The data of each event is passed on as it came, too."""
        self._start: BodyStart | None = BodyStart(content_type)
        """Beginning of the body; None once it is known to be a stream of events."""
        self._on_events: Callable[[Sequence[UpstreamEvent]], None] = _ignore
        self._ended: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self._stopped = self._reading = self._has_more = self._is_plain_text = False
        self._fast_path: FastPath | None = None
        self._parsed_bytes = 0
        """Bytes of the body up to the last read."""

    def stream(self, on_events: Callable[[Sequence[UpstreamEvent]], None]) -> Awaitable[None]:
        """Call `on_events` with the events of each read; see `UpstreamResponse.stream`.

        Not a coroutine: its frame would be kept for as long as the response is silent.
        """
        # It is None once this is closed, and read before the first events come.
        ended = cast("asyncio.Future[None]", self._ended)
        self._on_events = on_events
        self._connection.set_listener(self._on_read)
        # The first part of the body may have arrived together with the headers: no read will announce it.
        self._on_read(b"")
        return ended

    def use_fast_path(self, fast_path: FastPath) -> None:
        """See `UpstreamResponse.use_fast_path`."""
        self._fast_path = fast_path
        self._parsed_bytes = self._body.total_bytes
        self._connection.set_take(fast_path.read, self._on_body)

    def stop(self) -> None:
        """Abort the connection, and end `stream`; see `UpstreamResponse.stop`."""
        # Inside of a read, aiohttp's parser still runs. After the end mark the connection may serve another request. In
        # both cases `close` decides.
        may_abort = not (self._stopped or self._reading or self._reader.done)
        self._end()
        if may_abort:
            # Here, not when the task that awaits `stream` runs: until then, the provider would write on.
            self._connection.reset()

    def complete(self) -> None:
        """End `stream` with what the end of the body adds; see `UpstreamResponse.complete`."""
        if self._stopped:
            return
        try:
            if last := self._reader.end():
                self._on_events([*cut_long(last)])
        except Exception as error:  # noqa: BLE001 - not swallowed: `stream` raises it in the task that awaits it
            self._end(error)
        else:
            self._end()

    async def close(self) -> None:
        """Return the connection to the pool if the response is complete, or else abort it."""
        self._stopped = True
        # Two reference cycles, which would live until the garbage collector's next run: the callback refers to the call
        # that holds this response, and the traceback of an exception in the future refers to this object.
        self._on_events, self._ended, self._fast_path = _ignore, None, None
        self._connection.remove_listener(self._on_read)
        try:
            if self._reader.done and not self._body.at_eof():
                # With the end of the body the connection can serve another request. That saves a handshake, which is
                # not worth a long wait.
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await self._body.wait_eof()
        finally:
            await self._connection.abort()

    def _on_body(self, body: aiohttp.StreamReader) -> None:
        """Read another body from now on: that of another parser, or an empty one while there is none."""
        replace_queues(body)
        self._body, self._parsed_bytes = body, 0
        self._connection.replace_body(body)

    def _on_read(self, read: bytes) -> None:
        """Handle what has arrived; called in the callback of the socket, with what it read."""
        # Taking data out of aiohttp's buffer may resume its parser, which calls this method again before it returns.
        # The inner call only sets the flag, so that events stay in order; the loop of the outer call does the rest.
        self._has_more = True
        if self._reading or self._stopped:
            return
        self._reading = True
        try:
            while self._has_more and not self._stopped:
                self._has_more = False
                if self._read_available():
                    self._end()
        except Exception as error:  # noqa: BLE001 - not swallowed: `stream` raises it in the task that awaits it
            self._end(error)
        finally:
            self._reading = False
        if self._fast_path is not None:
            self._fast_path.learn(self._layout(read))

    def _layout(self, read: bytes) -> ChunkLayout | None:
        """Return what the next read looks like if it is a text like this one; None if it must be parsed.

        After a text that was found by the template, the decoder stands between two events, and the reader has no state.
        The parser stands between two chunks if the read is one whole chunk by its own framing, and the body has grown
        by just its data. Any other place to begin would have taken bytes of the framing for data, or of the data for
        framing: a carriage return is in none of them, as `TextTemplate.match_read` has found.
        """
        grown, self._parsed_bytes = self._body.total_bytes - self._parsed_bytes, self._body.total_bytes
        is_plain_text, self._is_plain_text = self._is_plain_text, False
        if not is_plain_text or self._stopped or self._connection.was_paused:
            return None
        for size_format in SIZE_FORMATS:
            framing = size_format % grown
            if read.startswith(framing) and len(read) == len(framing) + grown + len(b"\r\n"):
                return self._template.layout(size_format, read[len(framing) :], verbatim=self._verbatim)
        return None

    def _end(self, error: Exception | None = None) -> None:
        self._stopped = True
        # `close` may wait for the end of the body that there is now.
        self._connection.keep_parser()
        if self._fast_path is not None:
            self._fast_path.learn(None)
        if self._ended is None or self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    def _read_available(self) -> bool:
        """Read and hand over what has arrived. Return True at the end of the response."""
        reader = self._reader
        events: list[UpstreamEvent] = []
        try:
            data = read_available(self._body)
            if data and (self._start is None or (data := self._decide(self._start, data))):
                self._parse(data, events)
        except (Failed, EventTooLongError, aiohttp.ClientError, TimeoutError) as error:
            # Events completed before the fault count. After the end mark the answer is whole, and no fault counts.
            if reader.finished:
                events += reader.end()
            self._on_events([*cut_long(events)])
            if not reader.finished:
                raise _failure(error) from error
            return True
        if events:
            self.is_done = reader.done
            self._on_events(events)
        # `read_nowait` may have let more data in, even the end of the connection: then `_has_more` is set, and
        # `_on_read` reads again.
        at_end = self._body.at_eof()
        is_lost = self._connection.is_lost and not self._has_more
        if is_lost and not (at_end or reader.finished):
            # aiohttp reports framing that it can't parse (a chunk size that is no number) by closing the connection
            # alone: the body has no end and no exception.
            raise unreadable("it is not HTTP")
        if (at_end or is_lost) and not reader.done and (last := self._last_events()):
            self._on_events([*cut_long(last)])
        return at_end or is_lost or reader.done

    def _decide(self, start: BodyStart, data: bytes) -> bytes:
        """Return the bytes of a stream of events, once it is known that the body is one; until then, none.

        Raises:
            Failed: the body is neither a stream nor JSON, or is JSON longer than an event may be.
        """
        if not start.size and data.startswith(DATA):
            # Nearly every body; `feed` says the same.
            self._start = None
            return data
        is_stream = start.feed(data)
        if is_stream:
            self._start = None
            return start.held
        if is_stream is False and (not start.is_json or start.size > self._max_bytes):
            raise from_document(start.held, start.content_type, self._reader.api_key)
        if start.size > self._max_bytes:
            raise EventTooLongError(self._max_bytes)
        return b""

    def _last_events(self) -> list[UpstreamEvent]:
        """Return what the end of the body adds; for a JSON document in place of a stream, all that it contains.

        Servers that do not know `stream` send the whole answer, which has the fields of an event.

        Raises:
            Failed: the document is an error or no answer, or the stream is truncated.
        """
        start, reader, events = self._start, self._reader, list[UpstreamEvent]()
        if start is None:
            return reader.end()
        failure = from_document(start.held, start.content_type, reader.api_key)
        if start.is_json and failure.code is Code.UPSTREAM_PROTOCOL:
            try:
                reader.read(start.held, events)
                return [*events, *reader.end()]
            except Failed as error:
                # What the answer itself says (a blocked prompt) is more than that it is no stream.
                if error.code not in {Code.UPSTREAM_PROTOCOL, Code.TRUNCATED}:
                    raise
        raise failure

    def _parse(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """Decode what was read, by the template where it fits, and append the events.

        The template may only be used while the reader is stateless: with half a character pending, or after the end
        mark, the same bytes mean something else.
        """
        reader, decoder, template = self._reader, self._decoder, self._template
        uses_template = template.has_learned and reader.is_stateless
        if decoder.at_boundary and uses_template and (text := template.match_read(data)):
            # By far the most common case: a read with one event, and in it one more piece of text. It costs a few
            # comparisons of bytes and the decoding of one JSON string; no line is split, no JSON object is built.
            if self._verbatim:
                events.append(Verbatim(data[data_start(data) : -2]))
            events.append(template.kind(text))
            self._is_plain_text = True
            return
        self._is_plain_text = False
        too_long, at = None, 0
        try:
            payloads = decoder.feed_data(data)
        except EventTooLongError as error:
            # What is complete counts first.
            payloads, too_long = error.payloads, error
        count = len(payloads)
        while at < count and not reader.done:
            if uses_template and (texts := template.match_payloads(payloads, at)):
                # Pieces that arrived together travel together, as one event with the ends of its pieces.
                matched = len(texts)
                if self._verbatim:
                    events.append(Verbatim(b"\n".join(payloads[at : at + matched])))
                events.append(template.kind(texts[0]) if matched == 1 else TextBatch.of(template.kind, texts))
                at += matched
                continue
            uses_template = self._read(payloads[at], events)
            at += 1
        if too_long is not None and not reader.done:
            raise too_long

    def _read(self, payload: bytes, events: list[UpstreamEvent]) -> bool:
        """Decode the data of one event in full, append what it contains, and learn how its text is found.

        Return True if the template may read the next one.
        """
        if self._verbatim:
            events.append(Verbatim(verbatim_line(payload)))
        before = len(events)
        try:
            if type(payload) is ErrorData:
                raise from_error_event(payload, self._reader.api_key)
            self._reader.read(payload, events)
        except Failed:
            if self._verbatim and has_key(payload, self._reader.api_key):
                events[before - 1] = Verbatim(b"")
            raise
        if len(payload) > MAX_CHARS:
            events[before:] = cut_long(events[before:])
        if self._reader.done:
            return False
        template = self._template
        if not self._reader.is_stateless:
            template.forget()
            return False
        template.learn(payload, events[before:], self._decode_alone)
        return template.has_learned

    def _decode_alone(self, payload: bytes) -> Sequence[UpstreamEvent]:
        """Return the events of a payload, decoded by a new reader; none if that can't read it.

        The template decodes its probe with it. The probe may stand in a wrong place, such as the type of an event.
        """
        events: list[UpstreamEvent] = []
        try:
            self._reader.new().read(payload, events)
        except Failed:
            return ()
        return events


def _ignore(_events: Sequence[UpstreamEvent]) -> None:
    pass


def _failure(error: Exception) -> Failed:
    if isinstance(error, Failed):
        return error
    if isinstance(error, EventTooLongError):
        message = f"The provider sent an event of more than {error.limit} bytes, the limit that max_event_bytes sets."
        return Failed(Code.EVENT_TOO_LARGE, message)
    return broken_off()
