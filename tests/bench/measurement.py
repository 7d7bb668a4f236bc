"""CPU time and memory of processes, and CPU time of the whole machine (proc(5))."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NANOSECONDS = 1_000_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """CPU seconds of the whole machine since it started: used, and stolen by the host of a virtual machine."""

    used: float
    stolen: float


def machine_cpu() -> MachineCpu:
    """Read the CPU times of the machine."""
    user, nice, system, _, _, interrupts, soft, stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return MachineCpu((user + nice + system + interrupts + soft) / _TICKS, stolen / _TICKS)


def cpu_time(pids: Iterable[int]) -> int:
    """Return the CPU time that the processes have used, user and system, in ns.

    It is read from the CPU clock of each process, whose number is derived from the process id as
    clock_getcpuclockid(3) does: /proc counts only in hundredths of a second.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime_ns((~pid << 3) | 2)
    return total


def cpu_ticks(pids: Iterable[int]) -> tuple[int, int]:
    """Return the CPU time of the processes in user mode and in the kernel, in ticks of the clock: for shares of it."""
    user = kernel = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user, kernel = user + int(fields[11]), kernel + int(fields[12])
    return user, kernel


def memory(pids: Iterable[int]) -> int:
    """Return the memory of the processes in bytes; shared pages are counted once (PSS)."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
