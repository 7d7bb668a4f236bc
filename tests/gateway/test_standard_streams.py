"""Lines for streams that may not take them; what a whole process does is in `tests/integration/test_start.py`."""

import io
from pathlib import Path

from gateway.standard_streams import print_line


def test_a_line_is_printed_and_flushed() -> None:
    stream = io.StringIO()
    print_line("Xin chào", stream)
    assert stream.getvalue() == "Xin chào\n"


def test_a_line_that_the_stream_does_not_take_is_dropped() -> None:
    print_line("lost", None)
    # A file object closes with its descriptor: what is left in its buffer would raise then.
    with Path("/dev/full").open("wb", buffering=0) as full, io.TextIOWrapper(full, write_through=True) as stream:
        print_line("lost", stream)
        print_line("lost as well", stream)
