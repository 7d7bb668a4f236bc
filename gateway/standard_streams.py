"""Standard output and error that may be full, broken or closed.

The clients of a gateway do not depend on who reads its output: a line that can't be written is dropped, and ends
neither a start nor a running server.
"""

import os
import sys
from contextlib import suppress
from typing import TextIO


def open_closed_streams() -> None:
    """Open the standard streams that are closed (`>&-`) on the null device.

    Otherwise the next socket gets the number of one of them, and what a library writes to standard error goes to a
    client. OpenSSH does the same (`sanitise_stdfd` in misc.c).
    """
    opened = os.open(os.devnull, os.O_RDWR)
    # The lowest free number is always assigned: once it is above 2, the three are open.
    while opened <= 2:
        opened = os.dup(opened)
    os.close(opened)
    # Python has set those that were closed to None.
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def print_line(text: str, stream: TextIO | None) -> None:
    """Print a line and flush it, if the stream takes it."""
    if stream is not None:
        with suppress(OSError):
            print(text, file=stream, flush=True)


def flush_or_discard() -> None:
    """Flush both streams; discard what a stream does not take.

    What is left in a buffer is flushed once more when Python ends, and if that fails, the exit code is 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
