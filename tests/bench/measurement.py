"""CPU time and memory of a process tree, and CPU time of the whole machine (proc(5))."""

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


def memory(pids: Iterable[int]) -> int:
    """Return the memory of the processes in bytes; shared pages are counted once (PSS)."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage while a meter ran: CPU time in ns, seconds, bytes, and cores used by other processes and by the host."""

    cpu: int
    seconds: float
    memory_before: int
    memory_peak: int
    others_busy: float
    stolen: float


class Meter:
    """Measures a process tree. The CPU time of `helpers` counts as the benchmark's, not as other processes'."""

    def __init__(self, root: int, helpers: Iterable[int]) -> None:
        self._pids = tree(root)
        self._helpers = tuple(helpers)
        self._memory_before = self._memory_peak = memory(self._pids)
        self._started = time.monotonic()
        self._machine_cpu = machine_cpu()
        self._helpers_cpu = cpu_time(self._helpers)
        self._cpu = cpu_time(self._pids)

    def sample_memory(self) -> None:
        """Read the memory; a peak between two samples is missed."""
        self._memory_peak = max(self._memory_peak, memory(self._pids))

    def stop(self, load_cpu: int) -> Usage:
        """Return the usage; `load_cpu` is the CPU time of the load generator in ns, which has ended already."""
        used = cpu_time(self._pids) - self._cpu
        seconds = time.monotonic() - self._started
        now = machine_cpu()
        accounted = used + load_cpu + cpu_time(self._helpers) - self._helpers_cpu
        return Usage(
            cpu=used,
            seconds=seconds,
            memory_before=self._memory_before,
            memory_peak=self._memory_peak,
            others_busy=max(0.0, now.used - self._machine_cpu.used - accounted / NANOSECONDS) / seconds,
            stolen=(now.stolen - self._machine_cpu.stolen) / seconds,
        )
