"""Join the chunks of one read into one: aiohttp's parser calls back three times for each chunk. Pure.

Where a body is cut into chunks means nothing (RFC 9112, 7.1), but many providers send each event in a chunk of its own.
So a read with many short chunks is passed on as one with a long chunk. What can't be joined is passed on as it came:
the parser sees every other byte of the framing, and refuses what is wrong with it.
"""

import re
from typing import Final

_HEAD: Final = re.compile(rb"HTTP/1\.1 200 [^\r\n]*\r\n(?:[^\r\n]+\r\n)+\r\n")
_CODING: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r\n]*)", re.IGNORECASE)
_SIZE: Final = re.compile(rb"[1-9a-f][0-9a-f]{0,7}|[1-9A-F][0-9A-F]{0,7}")
_LAST_CHUNK: Final = b"0\r\n\r\n"

MAX_SIZE_LINE: Final = 10
"""Longest line with the size of a chunk that is read here, with its line end: without extensions, below 4 GiB."""


def body_of(read: bytes) -> int:
    """Return where the chunked body of a response begins whose head is the beginning of a read; 0 if that is not so."""
    head = _HEAD.match(read)
    if head is None:
        return 0
    end = head.end()
    # In capitals, or with a space behind it, it means the same, but no server writes it so.
    return end if _CODING.findall(read, 0, end) == [b"chunked"] else 0


class ChunkJoiner:
    """Joins the chunks of one chunked body, which is passed to `join` read by read, from its first byte on.

    Only chunks without CR LF in their content are joined: then the lines of a read are sizes and contents in turns.
    """

    __slots__ = ("_line", "_rest")

    def __init__(self) -> None:
        self._rest: int | None = 0
        """Bytes of a chunk, with its line end, that are yet to come; None: the framing is not known any more."""
        self._line = b""
        """The beginning of a line with the size of a chunk, which has been passed on."""

    @property
    def knows_framing(self) -> bool:
        """Return True if it is known where chunks begin and end."""
        return self._rest is not None

    @property
    def is_between_chunks(self) -> bool:
        """Return True if the last read has ended with a chunk, which was not the last one."""
        return self._rest == 0 and not self._line

    def join(self, data: bytes, body: int = 0) -> bytes:
        """Return bytes that mean the same as a read, with its chunks joined. Its body begins at `body`."""
        if self._line:
            self._complete_line(data)
        if self._rest is None:
            return data
        at = body + self._rest
        if at >= len(data):
            self._rest = at - len(data)
            return data
        lines = data[at:].split(b"\r\n")
        rest = lines.pop()
        kept = len(rest)
        self._rest, self._line = 0, rest
        if len(lines) % 2:
            # The last chunk is incomplete: this is what has come of its content.
            size = lines.pop()
            kept += len(size) + 2
            self._expect(size, len(rest))
        elif kept >= MAX_SIZE_LINE:
            self._forget()
        sizes, contents = lines[::2], lines[1::2]
        lengths = [*map(len, contents)]
        if sizes != [*map(b"%x".__mod__, lengths)] and sizes != [*map(b"%X".__mod__, lengths)]:
            self._forget()
            return data
        if b"" in contents:
            # The last chunk: nothing may follow it.
            kept += len(_LAST_CHUNK)
            self._forget()
            if contents.pop() or b"" in contents:
                return data
        if len(contents) < 2:
            return data
        joined = b"".join(contents)
        return b"%b%x\r\n%b\r\n%b" % (data[:at], len(joined), joined, data[len(data) - kept :])

    def _complete_line(self, data: bytes) -> None:
        """Find the end of the chunk whose size begins in the last read and ends in this one."""
        line, before = self._line + data[:MAX_SIZE_LINE], len(self._line)
        size, found, _ = line.partition(b"\r\n")
        if found:
            self._expect(size, before - len(size) - 2)
        elif len(line) < MAX_SIZE_LINE:
            self._line, self._rest = line, len(data)
        else:
            self._forget()

    def _expect(self, size: bytes, come: int) -> None:
        """Expect the rest of a chunk, of which some bytes have come."""
        self._forget()
        if _SIZE.fullmatch(size) and (rest := int(size, 16) + 2 - come) > 0:
            self._rest = rest

    def _forget(self) -> None:
        self._rest, self._line = None, b""
