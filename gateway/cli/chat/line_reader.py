"""Lines from a file descriptor, read only when somebody waits for one: no thread, nothing to clean up."""

import asyncio
import os
from codecs import getincrementaldecoder
from collections import deque

READ_BYTES = 1 << 16


class LinesIn:
    """The lines of a terminal, a pipe or a file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._tail = ""
        self._lines: deque[str] = deque()
        self._over = False

    async def next(self) -> str | None:
        """Wait for the next line, and give it without its end; None after the last one.

        A cancelled wait loses nothing.
        """
        while not self._lines and not self._over:
            await self._readable()
            self._take(os.read(self._descriptor, READ_BYTES))
        return self._lines.popleft() if self._lines else None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, ready.set)
        except (PermissionError, NotImplementedError):
            return  # a plain file never lets us wait; and where the loop can't watch, reading waits itself
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def _take(self, read: bytes) -> None:
        self._over = not read
        *lines, self._tail = (self._tail + self._decoder.decode(read, final=self._over)).split("\n")
        self._lines.extend(line.removesuffix("\r") for line in lines)
        if self._over and self._tail:
            self._lines.append(self._tail)
