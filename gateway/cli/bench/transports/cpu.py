"""CPU time of a process on this machine."""

from pathlib import Path

PROC = Path("/proc")


def process_seconds(pid: int, proc: Path = PROC) -> float | None:
    """Return the CPU seconds of all threads of a process; None where the system does not tell.

    /proc/PID/task/TID/schedstat counts nanoseconds, where /proc/PID/stat counts ticks of 10 ms (Linux,
    Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat").
    """
    try:
        threads = list((proc / str(pid) / "task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except (OSError, ValueError, IndexError):
        # Another system, or a thread that has ended meanwhile.
        return None
