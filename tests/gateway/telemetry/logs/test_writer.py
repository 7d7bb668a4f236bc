"""The thread that writes the log: what a file does not take holds up nothing, and is counted."""

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.telemetry.logs.format import ConsoleFormatter
from gateway.telemetry.logs.writer import LogWriter, write_to

SECONDS = 10.0


@contextmanager
def writer(write: Callable[[bytes], int], max_bytes: int = 1 << 20) -> Iterator[LogWriter]:
    handler = LogWriter(write, max_bytes)
    handler.setFormatter(logging.Formatter("%(message)s"))
    try:
        yield handler
    finally:
        handler.close()


def log(handler: logging.Handler, message: str, *given: object) -> None:
    handler.handle(logging.LogRecord("a", logging.INFO, "", 0, message, given, None))


class File:
    """A file whose writes a test can hold up or refuse."""

    def __init__(self) -> None:
        self.written = b""
        self.is_ready = threading.Event()
        self.is_writing = threading.Event()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        self.is_writing.set()
        assert self.is_ready.wait(SECONDS)
        if self.error is not None:
            raise self.error
        # Like a pipe, it takes a part.
        self.written += data[:7]
        return len(data[:7])


def test_lines_are_written_in_order_and_whole() -> None:
    file = File()
    file.is_ready.set()
    with writer(file.write) as handler:
        for number in range(100):
            log(handler, "line %d", number)
        handler.flush()
        assert file.written.decode().splitlines() == [f"line {number}" for number in range(100)]


def test_lines_of_normal_operation_are_written_together() -> None:
    writes: list[bytes] = []
    is_written = threading.Event()

    def write(data: bytes) -> int:
        writes.append(data)
        is_written.set()
        return len(data)

    with writer(write) as handler:
        with handler._changed:
            # The thread can't look at the lines before the last of them.
            for number in range(3):
                log(handler, "line %d", number)
        assert is_written.wait(SECONDS)
    assert writes == [b"line 0\nline 1\nline 2\n"]


def test_a_warning_is_urgent_and_so_is_what_waits_before_it() -> None:
    file = File()
    with writer(file.write) as handler:
        with handler._changed:
            urgent = [handler._is_urgent]
            log(handler, "line")
            urgent.append(handler._is_urgent)
            handler.handle(logging.LogRecord("a", logging.WARNING, "", 0, "warning", (), None))
            urgent.append(handler._is_urgent)
        file.is_ready.set()
        handler.flush()
        urgent.append(handler._is_urgent)
    assert urgent == [False, False, True, False]
    assert file.written == b"line\nwarning\n"


def test_closing_writes_what_waits() -> None:
    file = File()
    file.is_ready.set()
    with writer(file.write) as handler:
        log(handler, "last")
    assert file.written == b"last\n"
    assert not handler._thread.is_alive()


def test_a_file_that_takes_nothing_holds_up_nobody() -> None:
    file = File()
    with writer(file.write, max_bytes=1000) as handler:
        log(handler, "first")
        assert file.is_writing.wait(SECONDS)
        for number in range(1000):
            log(handler, "line %03d", number)
        assert handler._waiting <= 1000
        file.is_ready.set()
        handler.flush()
        log(handler, "after")
        handler.flush()
    lines = file.written.decode().splitlines()
    assert lines[:2] == ["first", "890 lines of the log could not be written, and are lost"]
    assert lines[2:] == [*(f"line {number:03d}" for number in range(110)), "after"]


def test_what_a_full_disk_refuses_is_counted() -> None:
    file = File()
    file.is_ready.set()
    file.error = OSError(errno.ENOSPC, "No space left on device")
    with writer(file.write) as handler:
        log(handler, "lost")
        handler.flush()
        file.error = None
        log(handler, "kept")
        handler.flush()
    assert file.written == b"1 lines of the log could not be written, and are lost\nkept\n"


def test_a_record_that_can_not_be_formatted_is_told() -> None:
    file = File()
    file.is_ready.set()
    with writer(file.write) as handler:
        log(handler, "%d items", "x")
        handler.flush()
    assert b"a record of a could not be formatted: '%d items'" in file.written


def test_text_that_utf8_lacks_is_escaped() -> None:
    file = File()
    file.is_ready.set()
    with writer(file.write) as handler:
        handler.setFormatter(ConsoleFormatter())
        log(handler, "%s", "\ud800")
        handler.flush()
    assert file.written.endswith(b": \\ud800\n")


def test_a_pipe_that_another_program_has_made_non_blocking_is_waited_for() -> None:
    read_end, write_end = os.pipe()
    try:
        os.set_blocking(write_end, False)
        size = fcntl.fcntl(write_end, fcntl.F_GETPIPE_SZ)
        assert os.write(write_end, bytes(size)) == size
        with writer(write_to(write_end)) as handler:
            log(handler, "line")
            assert len(os.read(read_end, size)) == size
            assert os.read(read_end, size) == b"line\n"
    finally:
        os.close(read_end)
        os.close(write_end)
