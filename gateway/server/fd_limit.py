"""How many files, sockets among them, this process may have open, and how many clients that is enough for."""

import sys
from contextlib import suppress
from typing import Final

if sys.platform != "win32":
    import resource

SPARE: Final = 100
"""Files that are no client's: what listens, logs, files of the page, calls that answer nobody any more."""


def raise_limit() -> int:
    """Raise the limit to the highest that we may; give it, 0 for none or where there is no telling.

    The soft one is low for the sake of programs that use `select`, which can't take more (Go's programs raise it, too).
    """
    if sys.platform == "win32":
        return 0
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS takes less than its hard limit claims.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int, files: int) -> int:
    """Tell how many clients may be connected: as many as are `wanted`, or, with 0, as `files` are enough for.

    Each may need a second file, for a connection to an upstream. 0 means no limit.
    """
    if wanted or not files:
        return wanted
    return max(1, (files - SPARE) // 2)
