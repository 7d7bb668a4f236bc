"""Write log lines in a thread, so that a full pipe, a slow disk or a stopped terminal never holds up the event loop.

Nor can it end the process: what standard error does not take is dropped beyond a bound, and counted.
"""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, final

from gateway.log_fields import log_fields

MAX_BYTES: Final = 4 << 20
"""Maximum size of the lines that wait to be written, in bytes: some 10,000 generations."""

BATCH_BYTES: Final = 64 << 10
"""Size of a write, in bytes, from which no further line is added to it: what a pipe of Linux holds."""

CLOSE_SECONDS: Final = 1.0
"""Maximum time for which the end of the process waits for lines to be written."""

GATHER_SECONDS: Final = 0.05
"""Time for which lines of normal operation are gathered, to be written together.

A thread that wakes for each of them takes the interpreter's lock from the event loop each time.
"""

STOPPED_SECONDS: Final = 1.0
"""Time between two attempts to write to a file that is not ready."""


@final
class LogWriter(logging.Handler):
    """Handler that leaves writing to a thread. `write` writes some bytes of a line, and returns how many.

    Warnings are written at once, other lines within `GATHER_SECONDS`. It is no `QueueHandler`: lines are formatted
    before they are queued, since the objects in a record may change, and what waits is bounded by its size.
    """

    def __init__(self, write: Callable[[bytes], int], max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self._write = write
        self._max_bytes = max_bytes
        self._lines: deque[bytes] = deque()
        self._waiting = 0
        """Size of `_lines` and of what is being written, in bytes."""
        self._dropped = 0
        self._is_closing = False
        self._is_urgent = False
        """What waits is to be written at once."""
        # Re-entrant, which is the default: a signal handler may log while its thread is in here.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        # A daemon: one that is stopped in a write must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record; drop it if too much waits already."""
        try:
            line = self._encode(record)
        except Exception:  # noqa: BLE001 - as in `logging.StreamHandler`: a fault of a log call must not end its caller
            line = self._encode(_unreadable(record))
        self.write_line(line, is_urgent=record.levelno >= logging.WARNING)

    def write_line(self, line: bytes, *, is_urgent: bool) -> None:
        """Queue a line; drop it if too much waits already."""
        with self._lock:
            waiting = self._waiting + len(line)
            if waiting > self._max_bytes:
                self._dropped += 1
                return
            self._lines.append(line)
            self._waiting = waiting
            if is_urgent:
                self._is_urgent = True
            if self._is_urgent or len(self._lines) == 1:
                self._changed.notify()

    def flush(self) -> None:
        """Wait until everything is written, for at most `CLOSE_SECONDS`."""
        with self._changed:
            self._is_urgent = bool(self._waiting)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, CLOSE_SECONDS)

    def close(self) -> None:
        """Write what waits, for at most `CLOSE_SECONDS`, and end the thread."""
        with self._changed:
            self._is_closing = self._is_urgent = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        super().close()

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                self._write_all(batch)
                written = True
            except OSError:
                # A full disk, or a pipe whose reader has ended.
                written = False
            with self._changed:
                self._waiting -= len(batch)
                if not written:
                    self._dropped += batch.count(b"\n")
                self._changed.notify_all()

    def _next_batch(self) -> bytes | None:
        """Wait for lines, and return them, with one about those that were dropped; None at the end."""
        with self._changed:
            if not self._lines:
                self._changed.wait_for(lambda: self._lines or self._is_closing)
                self._changed.wait_for(lambda: self._is_urgent, GATHER_SECONDS)
            if not self._lines:
                return None
            lines, size = [], 0
            while self._lines and size < BATCH_BYTES:
                lines.append(self._lines.popleft())
                size += len(lines[-1])
            self._is_urgent = self._is_closing or (self._is_urgent and bool(self._lines))
            if self._dropped:
                notice = self._notice(self._dropped)
                self._dropped = 0
                lines.insert(0, notice)
                self._waiting += len(notice)
        return b"".join(lines)

    def _notice(self, dropped: int) -> bytes:
        message = f"{dropped} lines of the log could not be written, and are lost"
        return self._encode(_record(logging.WARNING, message, log_fields("log_lines_lost", count=dropped)))

    def _encode(self, record: logging.LogRecord) -> bytes:
        return encode_line(self.format(record))

    def _write_all(self, data: bytes) -> None:
        """Write all bytes.

        Raises:
            OSError: the file does not take them.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self._write(bytes(rest)) :]


def encode_line(line: str) -> bytes:
    """Return a line as it is written."""
    return f"{line}\n".encode(errors="backslashreplace")


def write_to(file: int) -> Callable[[bytes], int]:
    """Return what writes to a file descriptor, and waits while it is not ready.

    Without the buffer of `sys.stderr`: Python flushes that when it ends, and would wait for a thread that holds its
    lock. A terminal is often shared with a program that has made it non-blocking, for all.
    """

    def write(data: bytes) -> int:
        while True:
            try:
                return os.write(file, data)
            except BlockingIOError:
                select.select([], [file], [], STOPPED_SECONDS)

    return write


def _unreadable(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record in place of one whose arguments do not fit its message."""
    message = f"a record of {record.name} could not be formatted: {record.msg!r}"
    return _record(logging.ERROR, message, log_fields("log_record_unreadable", origin=record.name))


def _record(level: int, message: str, fields: Mapping[str, object]) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": __name__, "levelno": level, "levelname": logging.getLevelName(level), "msg": message, **fields}
    )
