"""Outgoing connections leave the last file descriptors free."""

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.net.open_files import (
    LAST_FILES,
    RESERVED_FILES,
    file_limit,
    is_one_of_the_last,
    open_socket,
    reserve,
)

TCP = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))


@contextmanager
def limited_to(files: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_reserve_is_a_quarter_of_few_files_and_a_constant_of_many() -> None:
    assert (reserve(64), reserve(128), reserve(1 << 20)) == (16, 32, RESERVED_FILES)


def test_the_limit_of_this_process() -> None:
    assert file_limit(hard=True) == 0 or file_limit(hard=True) >= file_limit()


def test_a_socket_in_the_reserve_is_not_opened() -> None:
    with open_socket(TCP) as lowest:
        number = lowest.fileno()
    with limited_to(number + 2), pytest.raises(OSError, match=os.strerror(errno.EMFILE)) as failed:
        open_socket(TCP)
    assert failed.value.errno == errno.EMFILE
    with limited_to(number + 2), socket.socket() as incoming:
        # What was not used is left for others, such as a connection of a client.
        assert incoming.fileno() == number


def test_the_last_files_are_for_refusals() -> None:
    with socket.socket() as opened, limited_to(opened.fileno() + LAST_FILES):
        assert is_one_of_the_last(opened.fileno())
        assert not is_one_of_the_last(opened.fileno() - 1)
