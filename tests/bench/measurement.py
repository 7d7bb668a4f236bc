"""What a process tree costs, and what else the machine did meanwhile (proc(5))."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import tree

NANOSECONDS = 1_000_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Busy:
    """CPU seconds of the whole machine since its start: in use, and taken by the host of a virtual one."""

    used: float
    stolen: float


def busy() -> Busy:
    """Read them."""
    user, nice, system, _, _, interrupts, soft, stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return Busy((user + nice + system + interrupts + soft) / _TICKS, stolen / _TICKS)


def cpu(pids: Iterable[int]) -> int:
    """Give the ns that the processes have used, user and system.

    By each one's CPU clock, whose number is made of its id as in clock_getcpuclockid(3): /proc counts only in
    hundredths of a second.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime_ns((~pid << 3) | 2)
    return total


def memory(pids: Iterable[int]) -> int:
    """Give the bytes that the processes hold; pages that several share are counted once (PSS)."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used while a meter ran: ns of CPU, seconds, bytes, and cores taken by others and by the host."""

    cpu: int
    seconds: float
    memory_before: int
    memory_peak: int
    others_busy: float
    stolen: float


class Meter:
    """Watches a process tree; what `bystanders` use belongs to the benchmark, not to others."""

    def __init__(self, root: int, bystanders: Iterable[int]) -> None:
        self._pids = tree(root)
        self._bystanders = tuple(bystanders)
        self._memory_before = self._memory_peak = memory(self._pids)
        self._started = time.monotonic()
        self._busy = busy()
        self._bystanders_cpu = cpu(self._bystanders)
        self._cpu = cpu(self._pids)

    def look(self) -> None:
        """Read the memory; between two looks it is not seen."""
        self._memory_peak = max(self._memory_peak, memory(self._pids))

    def stop(self, load_cpu: int) -> Usage:
        """Give what was used; `load_cpu` are the ns of the load, which has ended already."""
        used = cpu(self._pids) - self._cpu
        seconds = time.monotonic() - self._started
        now = busy()
        accounted = used + load_cpu + cpu(self._bystanders) - self._bystanders_cpu
        return Usage(
            cpu=used,
            seconds=seconds,
            memory_before=self._memory_before,
            memory_peak=self._memory_peak,
            others_busy=max(0.0, now.used - self._busy.used - accounted / NANOSECONDS) / seconds,
            stolen=(now.stolen - self._busy.stolen) / seconds,
        )
