"""Run the application under uvicorn until a signal ends it; what runs is finished first."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Final

import uvicorn

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.pipeline.hub import Hub
from gateway.server.base_urls import sdk_base_urls, url_of
from gateway.server.listen import check_exposure, describe_failure, listen, resolve
from gateway.server.uvicorn_config import server_config
from gateway.standard_streams import print_line

logger = logging.getLogger(__name__)

KERNEL_SECONDS: Final = 15.0
"""How much longer than `viewer_timeout` the kernel waits for a client that accepts nothing."""

GC_THRESHOLDS: Final = (20_000, 10, 10)
"""Garbage collection: allocations before it looks for reference cycles, and how often before the older generations.

Streams leave no cycles, except where a provider fails: there is little to find, and with Python's own 700 it runs many
times in each request."""


def serve(settings: Settings, load: Callable[[], Settings] | None = None) -> int:
    """Serve until a signal ends it, and return the exit code.

    The first SIGTERM or SIGINT drains, the second ends at once. With `load`, which loads the settings again, SIGHUP
    changes the models and the keys; one that the caller has blocked is delivered once the gateway listens.

    Raises:
        ConfigurationError: the keys can't be read, or others could reach a gateway that requires no credentials.
    """
    try:
        address = resolve(settings.host, settings.port)
        check_exposure(settings, address)
        listening = listen(address, settings.viewer_timeout + KERNEL_SECONDS)
    except OSError as error:
        print_line(f"dualstream: {describe_failure(error, settings.host, settings.port)}", sys.stderr)
        return 1
    app = create_app(settings)
    server = _Server(
        server_config(settings, app),
        app.state.hub,
        settings.drain_timeout,
        partial(app.state.reloader.request, load) if load else None,
    )
    server.run(sockets=[listening])
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, hub: Hub, drain_timeout: float, reload: Callable[[], None] | None
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._hub = hub
        self._drain_timeout = drain_timeout
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and print the addresses."""
        await super().startup(sockets)
        if not self.started:
            return
        # What is loaded by now stays: examining it in each collection took a third of the time of a short request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        for listening in sockets or []:
            url = url_of(*listening.getsockname()[:2])
            print_line(
                f"Dualstream listens on {url}\n{sdk_base_urls(url)}\nDemo page: {url}/   (Ctrl-C stops it)", sys.stdout
            )
        if hasattr(signal, "SIGHUP"):
            self._accept_hangups()

    def _accept_hangups(self) -> None:
        """Reload on SIGHUP, from now on: before, there was nothing that a reload could change.

        `gateway.cli.main` has blocked the signal: one that came during the start is delivered now.
        """
        if self._reload is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, exit on the second."""
        if self._draining is not None:
            self._draining.cancel()
            self.force_exit = True
            self.should_exit = True
            return
        logger.warning("%s: draining, at most %g s", signal.Signals(sig).name, self._drain_timeout)
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self._hub.drain(self._drain_timeout)
        self.should_exit = True
