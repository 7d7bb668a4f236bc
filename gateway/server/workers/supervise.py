"""Run a supervisor in this process: its signals, and what it prints."""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from gateway.clock import SystemClock
from gateway.config import ConfigurationError, Settings
from gateway.server.base_urls import describe_address
from gateway.server.workers.connection_counts import ConnectionCounts, create_counts
from gateway.server.workers.metrics_exchange import MetricsExchange
from gateway.server.workers.process import start_worker
from gateway.server.workers.supervisor import Supervisor
from gateway.standard_streams import print_line


def supervise(settings: Settings, listening: socket.socket, *, can_reload: bool) -> int:
    """Run workers on a listening socket until a signal ends them, and return the exit code.

    SIGTERM and SIGINT drain, the second one ends at once; SIGHUP reloads; SIGUSR2 replaces one worker after the other.

    Raises:
        ConfigurationError: this system can't pass a listening socket to another process.
    """
    if sys.platform == "win32":
        message = "workers: several processes on one address need Linux, macOS or another Unix: set workers = 1"
        raise ConfigurationError(message)
    # One worker is replaced at a time, and those that end are reaped before others start in their place.
    with closing(create_counts(2 * settings.workers + 2)) as counts:
        return asyncio.run(_run(settings, counts, listening, can_reload=can_reload))


async def _run(settings: Settings, counts: ConnectionCounts, listening: socket.socket, *, can_reload: bool) -> int:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    metrics = MetricsExchange(clock)
    supervisor = Supervisor(
        settings.workers,
        partial(start_worker, listening, counts, metrics),
        clock,
        settings.drain_timeout,
        # When the last worker closes it, too, new connections are refused. Otherwise they would wait, and be reset.
        on_ending=listening.close,
    )
    for end in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(end, supervisor.drain, end.name)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.replace_all)

    def on_listening(processes: Sequence[int]) -> None:
        print_line(describe_address(*listening.getsockname()[:2]), sys.stdout)
        print_line(f"Workers: {len(processes)} (processes {', '.join(map(str, processes))})", sys.stdout)
        # `gateway.cli.main` has blocked the signal until here. With nothing to reload, it ends this process, and with
        # it the workers.
        if can_reload:
            loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])

    try:
        return await supervisor.run(on_listening)
    finally:
        await metrics.close()
