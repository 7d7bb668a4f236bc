"""Sockets for outgoing connections, which leave the last file descriptors of the process to incoming ones."""

import errno
import os
import socket
import sys
from typing import Any, Final

if sys.platform != "win32":
    import resource

RESERVED_FILES: Final = 100
"""Open files that no client needs: listening sockets, logs, static files, upstream calls whose client has left."""

LAST_FILES: Final = 8
"""Files that are left for connections of clients to be refused with: at the limit, a connection is closed unread."""

NO_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
"""Errors of a process, or a machine, that may open no more files."""


def file_limit(*, hard: bool = False) -> int:
    """Return how many files this process may open, or with `hard` may allow itself to open; 0 for no limit."""
    if sys.platform == "win32":
        return 0
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard_limit if hard else soft_limit
    return 0 if limit == resource.RLIM_INFINITY else limit


def reserve(files: int) -> int:
    """Return how many of these files outgoing connections leave free: `RESERVED_FILES`, and at most a quarter."""
    return min(RESERVED_FILES, files // 4)


def is_one_of_the_last(file: int) -> bool:
    """Return True if a file descriptor that was just opened is one of the `LAST_FILES`.

    A new descriptor has the lowest free number (POSIX.1, 2.14): all numbers below are in use.
    """
    files = file_limit()
    return bool(files) and file >= files - LAST_FILES


def open_socket(address: tuple[Any, ...]) -> socket.socket:
    """Open a socket for an entry of getaddrinfo(3), unless it takes one of the last file descriptors.

    Without that reserve, calls of upstreams could take every descriptor, and the server would have to close each new
    connection unread: those of health checks, too. See `is_one_of_the_last` for how that is seen.

    Raises:
        OSError: EMFILE, or the family is not supported.
    """
    family, kind, proto, *_ = address
    opened = socket.socket(family, kind, proto)
    files = file_limit()
    if files and opened.fileno() >= files - reserve(files):
        opened.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return opened
