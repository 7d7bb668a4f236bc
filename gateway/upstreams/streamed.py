"""A streamed answer, read in the stack of the socket's own callback: no task is woken for what a read brings."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import aiohttp

from gateway.errors import Code, Failed
from gateway.upstreams.base import Part
from gateway.upstreams.connections import Line
from gateway.upstreams.eventstream import EventStreamDecoder, LineTooLongError
from gateway.upstreams.failures import broken, from_transport


class Reader(Protocol):
    """Reads the events of one answer in a provider's wire format; keeps what reaches over from one to the next."""

    finished: bool
    """The provider's end mark has come."""
    done: bool
    """Nothing is to follow."""

    def read(self, events: Sequence[bytes], parts: list[Part]) -> None:
        """Add the parts of these events.

        Raises:
            Failed: `upstream_protocol`, or the provider's own error.
        """
        ...


class StreamedAnswer:
    """One answer that comes as text/event-stream; see `Answer`."""

    def __init__(self, model: str, line: Line, response: aiohttp.ClientResponse, reader: Reader) -> None:
        self.model = model
        self._line = line
        self._content = response.content
        self._reader = reader
        self._decoder = EventStreamDecoder()
        self._take: Callable[[Sequence[Part]], None]
        self._ended: asyncio.Future[None]
        self._reading = self._more = False

    @property
    def ended(self) -> bool:
        """Tell whether the last of it was read."""
        return self._reader.done

    async def stream(self, take: Callable[[Sequence[Part]], None]) -> None:
        """Hand on what each read brings; see `Answer.stream`."""
        self._take = take
        self._ended = asyncio.get_running_loop().create_future()
        try:
            with self._line.listening(self._on_read):
                # What came with the headers.
                self._on_read()
                await self._ended
        finally:
            self._ended.cancel()

    def _on_read(self) -> None:
        if self._reading:
            # Taking out what was read has let more come in.
            self._more = True
            return
        if self._ended.done():
            return
        self._reading = True
        try:
            over = self._read()
            while self._more and not over:
                self._more = False
                over = self._read()
        except Exception as error:  # noqa: BLE001 - not swallowed: it goes to the task that waits for the answer
            self._ended.set_exception(error)
        else:
            if over:
                self._ended.set_result(None)
        finally:
            self._reading = False

    def _read(self) -> bool:
        """Take what has come; True at the answer's end."""
        content, reader = self._content, self._reader
        try:
            read = content.read_nowait()
        except (aiohttp.ClientError, TimeoutError) as error:
            if reader.finished:
                return True
            raise from_transport(error, opened=True) from error
        if read:
            self._take_in(read)
        if reader.done:
            return True
        if not content.at_eof():
            return False
        if not reader.finished:
            raise Failed(Code.TRUNCATED, "The provider's answer broke off without its end mark.")
        return True

    def _take_in(self, read: bytes) -> None:
        reader, parts = self._reader, list[Part]()
        try:
            reader.read(self._decoder.feed_data(read), parts)
        except (Failed, LineTooLongError) as error:
            # What came whole before the fault still counts; behind the end mark, nothing else does.
            self._take(parts)
            if not reader.finished:
                raise (broken(str(error)) if isinstance(error, LineTooLongError) else error) from error
            reader.done = True
            return
        if parts:
            self._take(parts)
