"""Figures of the process, as Prometheus's clients name them (https://prometheus.io/docs/instrumenting/writing_clientlibs/)."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.registry import SnapshotBuilder

PROC: Final = Path("/proc/self")
"""What Linux says of the process (proc(5))."""


def read_process(started: float, builder: SnapshotBuilder, proc: Path = PROC) -> None:
    """Add the figures of this process, which began at `started`, in seconds since 1970.

    Those that can't be read are left out: a sandbox may have no /proc, and a process that has no file left can open
    none, which is when its other metrics are needed.
    """
    builder.set(names.START_TIME, started)
    builder.set(names.CPU, time.process_time())
    if sys.platform == "linux":
        with suppress(OSError):
            pages = int((proc / "statm").read_text().split()[1])
            builder.set(names.RESIDENT, pages * os.sysconf("SC_PAGE_SIZE"))
        with suppress(OSError):
            # Since Linux 6.2 the size of this folder is the number of files in it: nothing is listed.
            builder.set(names.OPEN_FILES, (proc / "fd").stat().st_size or sum(1 for _ in (proc / "fd").iterdir()))
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - there is none on Windows

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            builder.set(names.MAX_FILES, soft)
