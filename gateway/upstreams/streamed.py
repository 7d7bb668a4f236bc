"""A streamed answer, read in the stack of the socket's own callback: no task is woken for what a read brings."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp
from anyio import move_on_after

from gateway.errors import Code, Failed
from gateway.log import run_of
from gateway.upstreams.base import Part
from gateway.upstreams.connections import Line
from gateway.upstreams.eventstream import EventStreamDecoder, LineTooLongError
from gateway.upstreams.failures import broken, from_transport
from gateway.upstreams.pattern import TextPattern
from gateway.upstreams.wire import Reader

DRAIN_SECONDS = 0.1
"""After the end mark, how long to wait for the end of the body."""


class StreamedAnswer:
    """One answer that comes as text/event-stream; see `Answer`."""

    def __init__(self, model: str, line: Line, content: aiohttp.StreamReader, reader: Reader) -> None:
        self.model = model
        self._line = line
        self._content = content
        self._reader = reader
        self._decoder = EventStreamDecoder()
        self._pattern = TextPattern()
        self._take: Callable[[Sequence[Part]], None]
        self._ended = asyncio.get_running_loop().create_future()
        self._over = self._at_eof = self._reading = self._more = False

    async def stream(self, take: Callable[[Sequence[Part]], None]) -> None:
        """Hand on what each read brings; see `Answer.stream`."""
        self._take = take
        self._content.on_eof(self._on_eof)
        self._line.listen(self._on_read)
        # What came with the headers.
        self._on_read()
        await self._ended

    def stop(self) -> None:
        """Let `stream` return; see `Answer.stop`."""
        self._over = True
        if not self._ended.done():
            self._ended.set_result(None)

    async def close(self) -> None:
        """Give the connection back if the answer came to its end, else cut it; see `Answer.close`."""
        self._over = True
        self._line.listen(None)
        try:
            if self._reader.done and not self._at_eof:
                # The end of the body, that the connection may serve again; not worth waiting long for.
                with move_on_after(DRAIN_SECONDS), suppress(aiohttp.ClientError):
                    await self._content.wait_eof()
        finally:
            await self._line.hang_up()

    def _on_eof(self) -> None:
        self._at_eof = True

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
                self._over = self._read()
        except Exception as error:  # noqa: BLE001 - not swallowed: it goes to the task that waits for the answer
            self._over = True
            if not self._ended.done():
                self._ended.set_exception(error)
        else:
            if self._over and not self._ended.done():
                self._ended.set_result(None)
        finally:
            self._reading = False

    def _read(self) -> bool:
        """Take what has come; True at the answer's end."""
        reader, parts = self._reader, list[Part]()
        try:
            read = self._content.read_nowait()
            if read:
                self._parse(read, parts)
        except (Failed, LineTooLongError, aiohttp.ClientError, TimeoutError) as error:
            # What came whole before the fault still counts; behind the end mark, nothing else does.
            self._take(parts)
            if not reader.finished:
                raise _failure(error) from error
            return True
        if parts:
            self._take(parts)
        if self._at_eof and not reader.finished:
            raise Failed(Code.TRUNCATED, "The provider's answer broke off without its end mark.")
        return self._at_eof or reader.done

    def _parse(self, read: bytes, parts: list[Part]) -> None:
        reader, decoder, pattern = self._reader, self._decoder, self._pattern
        if decoder.between and reader.plain and (text := pattern.line(read)):
            # By far the most common: one more piece of text, and nothing else.
            parts.append(pattern.kind(text))
            return
        events, at = decoder.feed_data(read), 0
        while at < len(events) and not reader.done:
            texts = pattern.texts(events, at) if reader.plain else ()
            if texts:
                parts.append(pattern.kind(texts[0]) if len(texts) == 1 else run_of(pattern.kind, texts))
                at += len(texts)
                continue
            before = len(parts)
            reader.read(events[at], parts)
            if reader.plain:
                pattern.learn(events[at], parts[before:], self._decode)
            at += 1

    def _decode(self, data: bytes) -> Sequence[Part]:
        """Decode an event by itself; a probe that was put into a wrong place gives nothing."""
        parts: list[Part] = []
        with suppress(Failed):
            self._reader.fresh().read(data, parts)
        return parts


def _failure(error: Exception) -> Failed:
    if isinstance(error, Failed):
        return error
    return broken(str(error)) if isinstance(error, LineTooLongError) else from_transport(error, opened=True)
