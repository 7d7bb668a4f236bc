"""Reads lines from a file descriptor without a thread, and only while a caller waits for one: nothing to clean up."""

import asyncio
import os
from codecs import getincrementaldecoder
from collections import deque

READ_BYTES = 1 << 16


class LineReader:
    """The lines of a terminal, a pipe or a file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._tail = ""
        self._lines: deque[str] = deque()
        self._at_end = False

    async def next(self) -> str | None:
        """Wait for the next line and return it without its line end; return None at the end of the input.

        Cancelling the wait loses no data.
        """
        while not self._lines and not self._at_end:
            await self._wait_readable()
            self._feed(os.read(self._descriptor, READ_BYTES))
        return self._lines.popleft() if self._lines else None

    async def _wait_readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, ready.set)
        except (PermissionError, NotImplementedError):
            return  # epoll refuses regular files, which are always readable; a loop without readers blocks in `os.read`
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def _feed(self, data: bytes) -> None:
        self._at_end = not data
        *lines, self._tail = (self._tail + self._decoder.decode(data, final=self._at_end)).split("\n")
        self._lines.extend(line.removesuffix("\r") for line in lines)
        if self._at_end and self._tail:
            self._lines.append(self._tail)
