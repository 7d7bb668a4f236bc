"""Serve in this process, until a signal or the supervisor ends it; what runs is finished first."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.applications import Starlette

from gateway.app.factory import create_app
from gateway.app.reload import Reloader
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.garbage_collection import keep_what_is_loaded
from gateway.net.certificates import DeferredContext
from gateway.pipeline.hub import Hub
from gateway.replicas.draining import Drain
from gateway.server.base_urls import describe_address, url_of
from gateway.server.http_protocol import HttpProtocol
from gateway.server.lifecycle_log import log_drain, log_drained, log_start
from gateway.server.uvicorn_config import server_config
from gateway.server.workers.acceptor import Acceptor
from gateway.server.workers.channel import Instruction
from gateway.server.workers.inheritance import Inheritance
from gateway.server.workers.metrics_link import MetricsLink
from gateway.standard_streams import print_line

if TYPE_CHECKING:
    from gateway.replicas.replica import Replica

LAST_REQUESTS_SECONDS: Final = 1.0
"""Time in which a worker that is replaced still serves requests of connections that it has accepted last."""


def run(
    settings: Settings,
    load: Callable[[], Settings] | None,
    listening: socket.socket,
    certificates: Sequence[DeferredContext] = (),
    inheritance: Inheritance | None = None,
) -> int:
    """Serve on a listening socket, and return the exit code; a worker has an `inheritance`.

    The `certificates` are loaded once it listens, if a provider is called by https.

    Raises:
        ConfigurationError: the keys can't be read, or the shared store can't be used as it is configured.
    """
    app = create_app(settings, load=load)
    reload = partial(app.state.reloader.request, load) if load else None
    server = _Server(server_config(settings, app), app, settings, reload, certificates, inheritance)
    server.run(sockets=[listening])
    server.send_last_metrics()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        app: Starlette,
        settings: Settings,
        reload: Callable[[], None] | None,
        certificates: Sequence[DeferredContext],
        inheritance: Inheritance | None,
    ) -> None:
        super().__init__(config)
        self._settings = settings
        self._reload = reload
        self._reloader: Reloader = app.state.reloader
        self._replica: Replica | None = app.state.replica
        self._hub: Hub = app.state.hub
        self._drain_of_gateway = Drain(self._hub, self._replica)
        self._drain_timeout = settings.drain_timeout
        self._certificates = certificates
        self._inheritance = inheritance
        self._metrics: MetricsLink | None = None
        if inheritance is not None:
            self._metrics = MetricsLink(inheritance.metrics, app.state.metrics, SystemClock())
        self._acceptor: Acceptor | None = None
        self._was_signalled = False
        self._drains: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and print the addresses, or tell the supervisor."""
        if self._replica is not None:
            # Before the lifespan: uvicorn would log a traceback of what is a line for the operator.
            await self._replica.connect()
        # A worker accepts by itself.
        await super().startup(sockets if self._inheritance is None else [])
        if not self.started:
            return
        keep_what_is_loaded()
        if self._metrics is not None:
            await self._metrics.open()
        if self._inheritance is not None:
            self._acceptor = self._start_accepting(self._inheritance)
            self._inheritance.channel.open(self._follow)
        else:
            for listening in sockets or []:
                print_line(describe_address(*listening.getsockname()[:2]), sys.stdout)
        for listening in sockets or []:
            log_start(self._settings, self._reloader.catalog, url_of(*listening.getsockname()[:2]))
        if hasattr(signal, "SIGHUP"):
            self._accept_hangups()
        if any((provider.base_url or "").startswith("https:") for provider in self._reloader.catalog.upstreams):
            # Before the first call needs them, and while the loop serves.
            Thread(target=self._load_certificates, name="certificates").start()

    def _load_certificates(self) -> None:
        for context in self._certificates:
            context.load()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections and the application."""
        await super().shutdown(sockets)
        if self._metrics is not None:
            self._metrics.close()

    def send_last_metrics(self) -> None:
        """Send what a worker has counted to the supervisor, once it counts nothing more."""
        if self._metrics is not None:
            self._metrics.send_last()

    def _start_accepting(self, inheritance: Inheritance) -> Acceptor:
        config = self.config

        def make_protocol() -> asyncio.Protocol:
            # As uvicorn calls it (`Server.startup`).
            return config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )

        acceptor = Acceptor(inheritance.listening, inheritance.counts, inheritance.slot, make_protocol)
        self.servers.append(acceptor)  # type: ignore[arg-type]
        return acceptor

    async def on_tick(self, counter: int) -> bool:
        """Count the connections that have ended, every 0.1 s: each of them need not be noticed."""
        if self._acceptor is not None:
            self._acceptor.update(len(self.server_state.connections))
        return await super().on_tick(counter)

    def _accept_hangups(self) -> None:
        """Reload on SIGHUP, from now on: before, there was nothing that a reload could change.

        `gateway.cli.main` has blocked the signal: one that came during the start is delivered now.
        """
        if self._reload is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, exit on the second."""
        if self._was_signalled:
            self._exit()
            return
        self._was_signalled = True
        # The supervisor may have been faster, with a signal to the whole group.
        if not self._drains:
            self._start_drain(self._drain_timeout, signal.Signals(sig).name)

    def _follow(self, instruction: Instruction | None) -> None:
        """Do what the supervisor says. None: it has ended, and so does this process."""
        match instruction:
            case None:
                self._stop_accepting()
                self._start_drain(0, "the supervisor has ended")
            case Instruction.EXIT:
                self._exit()
            case Instruction.RELOAD if self._reload is not None:
                self._reload()
            case Instruction.RETIRE:
                log_drain("another worker takes over", self._drain_timeout, self._hub.running)
                self._stop_accepting()
                self._drains.append(asyncio.get_running_loop().create_task(self._leave(), name="leave"))
            case Instruction.DRAIN if not self._drains:
                self._start_drain(self._drain_timeout, "the supervisor drains")

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()

    async def _leave(self) -> None:
        """Drain while others serve: first the requests on connections that were accepted last, then what runs.

        Connections that wait for their next request are closed between the two: their clients open new ones.
        """
        self._hub.departures.is_announced = self._drain_of_gateway.moves_clients
        await asyncio.sleep(LAST_REQUESTS_SECONDS)
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.shutdown()
        await self._drain(self._drain_timeout)

    def _exit(self) -> None:
        for drain in self._drains:
            drain.cancel()
        self.force_exit = True
        self.should_exit = True

    def _start_drain(self, seconds: float, reason: str) -> None:
        log_drain(reason, seconds, self._hub.running)
        moves = seconds > 0 and self._drain_of_gateway.moves_clients
        if moves:
            # A proxy that can't connect sends any request to another gateway, also one that must not be sent twice;
            # after a 503 it would not. And a new process can listen here at once. What workers share is closed when the
            # last of them closes it.
            self._stop_accepting()
        drain = self._leave() if moves else self._drain(seconds)
        self._drains.append(asyncio.get_running_loop().create_task(drain, name="drain"))

    async def _drain(self, seconds: float) -> None:
        begin = self._hub.clock.now()
        try:
            unfinished = await self._drain_of_gateway.run(seconds)
            log_drained(self._hub.clock.now() - begin, unfinished)
        finally:
            # Also if that fails: nothing else would end this process.
            self.should_exit = True
