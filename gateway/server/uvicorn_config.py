"""How uvicorn runs the application."""

import asyncio
import logging
import sys
from functools import partial
from typing import Final

import uvicorn
from starlette.applications import Starlette

from gateway.admission.connections import CONNECTIONS_PER_ADDRESS, Connections
from gateway.admission.limits import AddressLimit
from gateway.config import Settings
from gateway.net.addresses import Networks
from gateway.server.fd_limit import connection_limit, raise_fd_limit
from gateway.server.http_protocol import HttpProtocol, NewestChunk
from gateway.server.large_blocks import return_large_blocks
from gateway.server.websocket_protocol import WebSocketProtocol

PONG_SECONDS: Final = 20.0
"""Minimum time for a WebSocket client to answer a ping: it may be busy."""

SHUTDOWN_SECONDS: Final = 2
"""Time after the drain in which viewers can read what was written to them."""

CLIENT_ERRORS: Final = frozenset(
    {
        "ASGI callable returned without completing response.",
        "Invalid HTTP request received.",
        "Unsupported upgrade request.",
    }
)
"""Messages of uvicorn about what clients do, or about bodies that are left without an end on purpose."""


def server_config(settings: Settings, app: Starlette) -> uvicorn.Config:
    """Return uvicorn's configuration; set up this process: its limit of open files, and how it frees memory."""
    return_large_blocks()
    proxies, open_files = Networks(settings.trusted_proxies), raise_fd_limit()
    connections = Connections(
        connection_limit(settings.max_connections, open_files),
        AddressLimit(settings.max_connections_per_address, CONNECTIONS_PER_ADDRESS),
        proxies,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
    return uvicorn.Config(
        app,
        # uvicorn calls it to make a protocol, so it need not be a class.
        http=partial(HttpProtocol, connections=connections, newest_chunk=NewestChunk()),  # type: ignore[arg-type]
        ws=WebSocketProtocol,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        # Compressing small frames costs more than it saves, and some 100 KB of window per socket.
        ws_per_message_deflate=False,
        # A larger message is dropped before uvicorn sees it; see `MessageLimiter`.
        ws_max_size=settings.max_body_bytes,
        ws_ping_interval=settings.heartbeat,
        ws_ping_timeout=max(settings.heartbeat, PONG_SECONDS),
        # An access log would contain prompts: EventSource clients send them in the URL.
        access_log=False,
        # Without a trusted proxy, any client could claim another address.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=proxies.all_forms(),
        # uvicorn's own logging would bypass `gateway.cli.logging_setup`.
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Return False for requests cut short by a shutdown, and for errors of clients.

    Clients get a response that says what is wrong; a line for each of their errors would let them fill a disk.
    """
    cut_short = "CancelledError" in str(record.msg) or (
        record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    )
    return not cut_short and record.msg not in CLIENT_ERRORS
