"""One client: it finds complete events, the stamps in them, and how its stream ends."""

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

from tests.bench.load.frames import KEY, PING, PONG, TEXT, FrameReader, client_frame
from tests.bench.load.http import request
from tests.bench.messages import Request
from tests.bench.stamps import STAMP, TokenTracker

TYPE: Final = re.compile(rb'"type":"([a-z_]+)"')
GENERATION: Final = re.compile(rb'"generation_id":"([^"]+)"')
ENDS: Final = frozenset({"complete", "interrupted", "error", "rejected"})

EVENT_STREAM: Final = {"Accept": "text/event-stream"}
HANDSHAKE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Protocol": "dualstream.v1",
}


class Recorder(Protocol):
    """Counts what all viewers receive."""

    events: int

    def on_tokens(self, viewer: "Viewer", stamps: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Record tokens that a viewer has received."""
        ...

    def on_accepted(self, started: int) -> None:
        """Record the first event of a viewer that began to connect at a time in ns."""
        ...

    def on_end(self, end: str) -> None:
        """Record how a stream has ended."""
        ...


class Viewer(asyncio.Protocol, ABC):
    """One connection, for one stream."""

    __slots__ = (
        *("_port", "_recorder", "_request", "_rest", "_transport"),
        *("end", "generation_id", "is_answered", "started", "tracker"),
    )

    def __init__(self, recorder: Recorder, wanted: Request, port: int) -> None:
        self.tracker = TokenTracker()
        self.generation_id = ""
        self.end = ""
        """How the stream has ended; "" while it runs."""
        self.is_answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the stream is accepted, or has failed."""
        self._recorder = recorder
        self.started = 0
        """When it began to connect, in ns."""
        self._port = port
        self._request = wanted
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the connection was lost")

    def interrupt(self) -> bool:
        """Send the command on this connection; return False if the transport has none."""
        return False

    @abstractmethod
    def _send_request(self) -> None:
        """Ask for the stream."""

    def _write_request(self, headers: Mapping[str, str]) -> None:
        wanted = self._request
        self._write(request(wanted.method, wanted.path, self._port, wanted.body.encode(), headers))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _on_event(self, event: bytes) -> None:
        self._recorder.events += 1
        if stamps := STAMP.findall(event):
            self._recorder.on_tokens(self, stamps)
        elif found := TYPE.search(event):
            self._on_other(found.group(1).decode(), event)

    def _on_other(self, kind: str, event: bytes) -> None:
        if kind in ENDS:
            self._end(kind)
        elif kind == "accepted" and (found := GENERATION.search(event)):
            self.generation_id = found.group(1).decode()
            self._recorder.on_accepted(self.started)
            self.is_answered.set_result(None)

    def _end(self, end: str) -> None:
        if self.end:
            return
        self.end = end
        self._recorder.on_end(end)
        if not self.is_answered.done():
            self.is_answered.set_result(None)
        if self._transport is not None:
            # A reset leaves no connection behind that waits (TIME_WAIT), and whose port could not be used.
            self._transport.abort()


class EventStreamViewer(Viewer):
    """A client over SSE."""

    __slots__ = ("_has_head",)

    def _send_request(self) -> None:
        self._has_head = False
        self._write_request(EVENT_STREAM)

    def data_received(self, data: bytes) -> None:
        if not self._has_head:
            self._has_head = True
            if not data.startswith(b"HTTP/1.1 200 "):
                self._end(f"refused: {data.partition(b' ')[2][:3].decode(errors='replace')}")
                return
        # An event ends with a blank line, and the chunk that holds it with a line end. Heartbeats stay in the rest.
        complete, found, self._rest = (self._rest + data).rpartition(b"\n\n\r\n")
        if found:
            for event in complete.split(b"\n\n"):
                self._on_event(event)


class WebSocketViewer(Viewer):
    """A client over WebSocket."""

    __slots__ = ("_frames",)

    def _send_request(self) -> None:
        self._frames: FrameReader | None = None
        self._write_request(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        if self._frames is None:
            head, found, data = (self._rest + data).partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self._end(f"refused: {head.partition(b' ')[2][:3].decode(errors='replace')}")
                return
            self._frames = FrameReader()
            self._write(client_frame(TEXT, self._request.first.encode()))
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self._on_event(payload)
            elif opcode == PING:
                self._write(client_frame(PONG, payload))

    def interrupt(self) -> bool:
        """Send the command on the same socket."""
        command = {"type": "interrupt", "id": 1, "generation_id": self.generation_id}
        self._write(client_frame(TEXT, json.dumps(command).encode()))
        return True


VIEWERS: Final[Mapping[str, type[Viewer]]] = {"sse": EventStreamViewer, "websocket": WebSocketViewer}
