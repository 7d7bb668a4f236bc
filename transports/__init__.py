"""Transports: how events reach clients. SSE and WebSocket are built in; others are found by entry points.

A transport is a class named in the entry-point group `dualstream.transports`. What it needs is exported here.
"""

from gateway.api.services import Services
from gateway.asgi import Writer, defer, direct_writer
from gateway.generation.event_log import Entry
from transports.base import Transport
from transports.http_stream import Framing, StreamedResponse
from transports.viewer import ClientConnection, Viewer
from transports.writer import SendingWriter, sending

__all__ = [
    "ClientConnection",
    "Entry",
    "Framing",
    "SendingWriter",
    "Services",
    "StreamedResponse",
    "Transport",
    "Viewer",
    "Writer",
    "defer",
    "direct_writer",
    "sending",
]
