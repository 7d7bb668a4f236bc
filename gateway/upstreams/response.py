"""A streamed answer, read in the stack of the socket's own callback: no task is woken for what a read brings."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp
from anyio import move_on_after

from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder, EventTooLongError
from gateway.protocol.events import TextBatch
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.connections import UpstreamConnection
from gateway.upstreams.errors import broken, from_transport
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.text_pattern import TextTemplate

DRAIN_SECONDS = 0.1
"""After the end mark, how long to wait for the end of the body."""


class StreamedResponse:
    """One answer that comes as text/event-stream; see `Answer`."""

    def __init__(
        self, model: str, line: UpstreamConnection, content: aiohttp.StreamReader, reader: EventReader
    ) -> None:
        self.model = model
        self._line = line
        self._content = content
        self._reader = reader
        self._decoder = EventStreamDecoder()
        self._pattern = TextTemplate()
        self._take: Callable[[Sequence[UpstreamEvent]], None] = _drop
        self._ended: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self._over = self._reading = self._more = False

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        """Hand on what each read brings; see `Answer.stream`."""
        self._take = take
        self._line.listen(self._on_read)
        # What came with the headers.
        self._on_read()
        if self._ended is not None:
            await self._ended

    def stop(self) -> None:
        """Let `stream` return; see `Answer.stop`."""
        self._end()

    async def close(self) -> None:
        """Give the connection back if the answer came to its end, else cut it; see `Answer.close`."""
        self._over = True
        # Who takes what is read holds this, and so does what went wrong: circles, which nobody would free soon.
        self._take, self._ended = _drop, None
        self._line.unlisten(self._on_read)
        try:
            if self._reader.done and not self._content.at_eof():
                # The end of the body, that the connection may serve again; not worth waiting long for.
                with move_on_after(DRAIN_SECONDS), suppress(aiohttp.ClientError):
                    await self._content.wait_eof()
        finally:
            await self._line.hang_up()

    def _on_read(self) -> None:
        """Take in what has come; called in the stack of the socket's callback."""
        # Taking out what was read may let more come in, which calls this again.
        self._more = True
        if self._reading or self._over:
            return
        self._reading = True
        try:
            while self._more and not self._over:
                self._more = False
                if self._read():
                    self._end()
        except Exception as error:  # noqa: BLE001 - not swallowed: it goes to the task that waits for the answer
            self._end(error)
        finally:
            self._reading = False

    def _end(self, error: Exception | None = None) -> None:
        self._over = True
        if self._ended is None or self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    def _read(self) -> bool:
        """Take what has come; True at the answer's end."""
        reader = self._reader
        parts: list[UpstreamEvent] = []
        try:
            read = self._content.read_nowait()
            if read:
                self._parse(read, parts)
        except (Failed, EventTooLongError, aiohttp.ClientError, TimeoutError) as error:
            # What came whole before the fault still counts; behind the end mark, nothing else does.
            self._take(parts)
            if not reader.finished:
                raise _failure(error) from error
            return True
        if parts:
            self._take(parts)
        # Taking out what was read may have let more come in, and the end: `_on_read` comes back for it.
        at_end = self._content.at_eof()
        if at_end and not reader.finished:
            raise Failed(Code.TRUNCATED, "The provider's answer broke off without its end mark.")
        if self._line.lost and not (at_end or self._more or reader.finished):
            # aiohttp tells of framing that it can't read by closing the connection alone.
            raise broken("it is not HTTP")
        return at_end or reader.done or (self._line.lost and not self._more)

    def _parse(self, read: bytes, parts: list[UpstreamEvent]) -> None:
        reader, decoder, pattern = self._reader, self._decoder, self._pattern
        if decoder.at_boundary and reader.is_stateless and (text := pattern.line(read)):
            # By far the most common: one more piece of text, and nothing else.
            parts.append(pattern.kind(text))
            return
        events, at = decoder.feed_data(read), 0
        while at < len(events) and not reader.done:
            texts = pattern.texts(events, at) if reader.is_stateless else ()
            if texts:
                parts.append(pattern.kind(texts[0]) if len(texts) == 1 else TextBatch.of(pattern.kind, texts))
                at += len(texts)
                continue
            before = len(parts)
            reader.read(events[at], parts)
            if reader.is_stateless:
                pattern.learn(events[at], parts[before:], self._decode)
            at += 1

    def _decode(self, data: bytes) -> Sequence[UpstreamEvent]:
        """Decode an event by itself; a probe that was put into a wrong place gives nothing."""
        parts: list[UpstreamEvent] = []
        with suppress(Failed):
            self._reader.new().read(data, parts)
        return parts


def _drop(_parts: Sequence[UpstreamEvent]) -> None:
    pass


def _failure(error: Exception) -> Failed:
    if isinstance(error, Failed):
        return error
    return broken(str(error)) if isinstance(error, EventTooLongError) else from_transport(error, opened=True)
