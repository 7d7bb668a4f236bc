"""The process's limit of open files, sockets included, and how many clients it allows."""

import sys
from contextlib import suppress

from gateway.config import Settings
from gateway.net.open_files import RESERVED_FILES, file_limit

if sys.platform != "win32":
    import resource


def raise_fd_limit() -> int:
    """Raise the soft limit of open files to the hard one and return it; 0 for no limit, or an unknown one.

    The soft limit is low for the sake of `select`, which can't handle higher file descriptors, and which we don't use.
    Programs in Go raise it as well.
    """
    if sys.platform == "win32":
        return 0
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS accepts less than the hard limit that it reports.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return file_limit()


def connection_limit(configured: int, open_files: int) -> int:
    """Return the maximum number of client connections: the configured one, or with 0 what `open_files` allow.

    Each client may need a second file, for a connection to an upstream. 0 means no limit.
    """
    if configured or not open_files:
        return configured
    return max(1, (open_files - RESERVED_FILES) // 2)


def file_warnings(settings: Settings, open_files: int) -> list[str]:
    """Return a line for each limit that the process can't reach with so many `open_files`; 0: they are not limited."""
    if not open_files:
        return []
    clients = connection_limit(settings.max_connections, open_files)
    calls = max(0, open_files - RESERVED_FILES - clients)
    advice = "raise that limit (ulimit -n, or LimitNOFILE of its service), or lower"
    lines = []
    if clients > open_files - RESERVED_FILES and settings.max_connections:
        message = f"max_connections is {clients}, but this process may open only {open_files} files"
        lines.append(f"{message}: {advice} max_connections")
    elif settings.max_concurrent > calls:
        message = f"max_concurrent is {settings.max_concurrent}, but this process may open only {open_files} files"
        lines.append(
            f"{message}, enough for {clients} connections of clients and {calls} calls: {advice} max_concurrent"
        )
    return lines
