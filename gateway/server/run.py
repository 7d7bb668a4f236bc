"""Run the application under uvicorn: its choices, and an end that finishes what runs."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from gateway.admission.connections import CONNECTIONS_PER_ADDRESS, Connections
from gateway.admission.limits import AddressLimit
from gateway.app.factory import create_app
from gateway.config import ConfigurationError, Settings
from gateway.net.addresses import Networks, is_loopback_address
from gateway.pipeline.hub import Hub
from gateway.server.fd_limit import connection_limit, raise_fd_limit
from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol

logger = logging.getLogger(__name__)

PONG_SECONDS = 20.0
"""The least time a WebSocket client gets to answer a ping: it may be busy."""

KERNEL_SECONDS = 15.0
"""How much longer than we the kernel waits for a client that takes nothing in."""

GARBAGE_THRESHOLDS = (20_000, 10, 10)
"""Objects made and not freed before the collector looks for circles, and how often in the young before it looks in the
old. Streams leave none behind, but where a provider fails: there is little to find, and with Python's own 700 it looks
many times in each request."""

EXPOSED = """this gateway would listen on {address}, where others reach it, and asks nobody for a key: anybody could
read and steer what it answers, and spend your money. Do one of these:
  - make a key: dualstream keys create NAME, and name its file in keys_file (DUALSTREAM_KEYS_FILE); or set up [jwt]
  - listen where nobody else comes: --host 127.0.0.1
  - do it all the same: --insecure (DUALSTREAM_INSECURE=true), where only you reach that address"""
"""Said to who would let everybody in without having said so."""

OF_CLIENTS = frozenset(
    {
        "ASGI callable returned without completing response.",
        "Invalid HTTP request received.",
        "Unsupported upgrade request.",
    }
)
"""What uvicorn logs of what clients do."""

LINGER_SECONDS = 2
"""After the drain, how long viewers have to read what was written to them."""


def serve(settings: Settings, load: Callable[[], Settings] | None = None) -> int:
    """Serve until a signal ends it; the first SIGTERM or SIGINT drains, the second ends at once. Give the exit code.

    With `load`, which loads the settings again, SIGHUP changes the models and the keys.

    Raises:
        ConfigurationError: the keys can't be read, or others could reach a gateway that asks nobody for a key.
    """
    try:
        found = _resolve(settings.host, settings.port)
        _refuse_exposure(settings, found)
        listening = _listen(found)
        _end_dead_connections(listening, settings.viewer_timeout + KERNEL_SECONDS)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        print(
            f"dualstream: can't listen on {settings.host}:{settings.port}: {why}; --host and --port choose",
            file=sys.stderr,
        )
        return 1
    app = create_app(settings)
    server = _Server(
        server_config(settings, app),
        app.state.hub,
        settings.drain_timeout,
        partial(app.state.reloading.request, load) if load else None,
    )
    server.run(sockets=[listening])
    return 0 if server.started else 1


def server_config(settings: Settings, app: Starlette) -> uvicorn.Config:
    """Choose how uvicorn runs the application. It raises this process's limit of open files as far as it goes."""
    proxies = Networks(settings.trusted_proxies)
    connections = Connections(
        connection_limit(settings.max_connections, raise_fd_limit()),
        AddressLimit(settings.max_connections_per_address, CONNECTIONS_PER_ADDRESS),
        proxies,
    )
    logging.getLogger("uvicorn.error").addFilter(_of_interest)
    return uvicorn.Config(
        app,
        # Whatever makes the protocol will do, whether it is a class or not.
        http=partial(HttpProtocol, connections=connections),  # type: ignore[arg-type]
        ws=WebSocketProtocol,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        # Compressing small frames costs more than it saves, and each socket some 100 KB of window.
        ws_per_message_deflate=False,
        # Above our own bound, so that ours is what clients meet, with a message.
        ws_max_size=2 * settings.max_body_bytes,
        ws_ping_interval=settings.heartbeat,
        ws_ping_timeout=max(settings.heartbeat, PONG_SECONDS),
        # The access log would hold prompts: EventSource clients send them in the URL.
        access_log=False,
        # Otherwise any client could say that it is another.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=proxies.all_forms(),
        # Its own set-up would write past the one of `gateway.cli.logging_setup`.
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LINGER_SECONDS,
    )


_Found = tuple[socket.AddressFamily, str, int]


def _resolve(host: str, port: int) -> _Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # A name such as localhost has an address of each family: the older one reaches more clients.
    family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, str(address[0]), port


def _listen(found: _Found) -> socket.socket:
    family, address, port = found
    return socket.create_server((address, port), family=family)


def _refuse_exposure(settings: Settings, found: _Found) -> None:
    """Look at the very address that will be listened on, whatever name it was given by."""
    address = found[1]
    if settings.requires_credentials:
        if settings.insecure:
            logger.warning("insecure has no effect: there are keys, and who has none is let in nowhere")
    elif settings.insecure:
        logger.warning("insecure: anybody who reaches %s may use this gateway, and spend what it costs", address)
    elif not is_loopback_address(address):
        raise ConfigurationError(EXPOSED.format(address=address))


def _of_interest(record: logging.LogRecord) -> bool:
    """Leave out what is no fault of ours: requests cut short by a shutdown, bodies left without their end on purpose.

    And what clients send that can't be read: they are told, and could fill a disk with what is written of each.
    """
    cut_short = "CancelledError" in str(record.msg) or (
        record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    )
    return not cut_short and record.msg not in OF_CLIENTS


def _end_dead_connections(listening: socket.socket, seconds: float) -> None:
    """Let the kernel reset connections whose client takes nothing in, gone or not (RFC 5482; Linux, tcp(7)).

    The option goes from the listening socket to those accepted on it. It ends what our own limits do not see, such as
    the rest of an answer that was written whole.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, hub: Hub, drain_seconds: float, reload: Callable[[], None] | None
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._hub = hub
        self._drain_seconds = drain_seconds
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        if self._reload is not None and hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        await super().startup(sockets)
        # What is loaded by now stays: looking through it again and again for garbage costs a third of a short request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"Dualstream listens on http://{shown}:{port}", flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, exit on the second."""
        if self._draining is not None:
            self._draining.cancel()
            self.force_exit = True
            self.should_exit = True
            return
        logger.warning("%s: finishing what runs, at most %g s", signal.Signals(sig).name, self._drain_seconds)
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self._hub.drain(self._drain_seconds)
        self.should_exit = True
