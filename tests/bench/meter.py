"""Meters of a server during a load: of the whole load, and of the part in which all its streams run."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.bench.measurement import NANOSECONDS, cpu_ticks, cpu_time, machine_cpu, memory
from tests.bench.messages import ProviderStats
from tests.bench.processes import Server, tree
from tests.bench.scenarios import Window


@dataclass(frozen=True, slots=True)
class SteadyUsage:
    """CPU time in ns while all streams run: in user mode, in the kernel, and of the store; and the tokens sent then."""

    user: float
    kernel: float
    store: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage while a meter ran: CPU time in ns, seconds, bytes, and cores used by other processes and by the host."""

    cpu: int
    seconds: float
    memory_before: int
    memory_peak: int
    others_busy: float
    stolen: float
    store_cpu: int = 0
    steady: SteadyUsage | None = None


class Meter:
    """Measures a server. The CPU time of `helpers` counts as the benchmark's, not as other processes'."""

    def __init__(self, server: Server, helpers: Iterable[int] = (), steady: "SteadyMeter | None" = None) -> None:
        self._pids = tree(server.pid)
        self._store = server.store
        self._helpers = (*helpers, *self._store)
        self._steady = steady
        self._memory_before = self._memory_peak = memory(self._pids)
        self._started = time.monotonic()
        self._machine_cpu = machine_cpu()
        self._helpers_cpu = cpu_time(self._helpers)
        self._store_cpu = cpu_time(self._store)
        self._cpu = cpu_time(self._pids)

    def sample(self) -> None:
        """Read the memory; a peak between two samples is missed."""
        if self._steady is not None:
            self._steady.on_time(time.monotonic())
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
            store_cpu=cpu_time(self._store) - self._store_cpu,
            steady=self._steady.usage() if self._steady is not None else None,
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    cpu: int
    user_ticks: int
    kernel_ticks: int
    store: int
    tokens: int
    running: int


class SteadyMeter:
    """Measures within a window of a load.

    `provider` returns what the provider has counted so far; `release` lets the answers go on that it holds, and is
    called once all streams run.
    """

    def __init__(
        self,
        server: Server,
        window: Window,
        streams: int,
        provider: Callable[[], ProviderStats],
        release: Callable[[], None],
    ) -> None:
        self._pids, self._store = tree(server.pid), server.store
        self._window = window
        self._streams = streams
        self._provider = provider
        self._release = release
        self._all_run_at: float | None = None
        self._begun_at = 0.0
        self._begin: _Reading | None = None
        self._end: _Reading | None = None

    def on_time(self, now: float) -> None:
        """Begin or end if it is time; `now` is in seconds."""
        if self._begin is None:
            if self._all_run_at is None and self._provider().running >= self._streams:
                self._all_run_at = now
                self._release()
            if self._all_run_at is not None and now >= self._all_run_at + self._window.settle_seconds:
                self._begin, self._begun_at = self._read(), now
        elif self._end is None and now >= self._begun_at + self._window.seconds:
            self._end = self._read()

    def usage(self) -> SteadyUsage | None:
        """Return the usage; None unless all streams ran at both ends of the window."""
        begin, end = self._begin, self._end
        if begin is None or end is None or min(begin.running, end.running) < self._streams:
            return None
        user, kernel = end.user_ticks - begin.user_ticks, end.kernel_ticks - begin.kernel_ticks
        share = kernel / max(1, user + kernel)
        cpu = end.cpu - begin.cpu
        return SteadyUsage(cpu * (1 - share), cpu * share, end.store - begin.store, end.tokens - begin.tokens)

    def _read(self) -> _Reading:
        stats = self._provider()
        user, kernel = cpu_ticks(self._pids)
        return _Reading(cpu_time(self._pids), user, kernel, cpu_time(self._store), stats.tokens, stats.running)
