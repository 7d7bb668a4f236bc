"""A client over WebSocket, in the subprotocol dualstream.v1."""

import json

from tests.bench.load.client import Client
from tests.bench.load.frames import ACCEPT, CLOSE, KEY, PING, PONG, TEXT, FrameReader, client_frame
from tests.bench.load.http import WireError, parse_response_head, request
from tests.bench.stamps import STAMP

ENDS = ("complete", "interrupted", "error")
NORMAL_CLOSURE = (1000).to_bytes(2, "big")
CHUNK = b'"type":"chunk"'


class WebSocketClient(Client):
    """Uses one socket for all its streams, one after another, or a new one for each."""

    _received = b""
    _frames: FrameReader | None = None

    def start_stream(self, *, is_new: bool) -> None:
        """Open the socket, or start the next generation on it."""
        if not is_new:
            self._start()
            return
        self._received, self._frames = b"", None
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Protocol": "dualstream.v1",
        }
        self.write(request("GET", self.plan.request.path, self.plan.port, headers=handshake))

    def on_data(self, data: bytes) -> None:
        """Parse the response to the handshake, and read complete messages."""
        if self._frames is None:
            head, found, data = (self._received + data).partition(b"\r\n\r\n")
            if not found:
                self._received = head
                return
            response = parse_response_head(head)
            if response.status != 101 or response.headers.get("sec-websocket-accept") != ACCEPT:
                message = f"status {response.status} to the handshake"
                raise WireError(message)
            self._frames = FrameReader()
            self._start()
        stamps: list[tuple[bytes, bytes, bytes]] = []
        count = 0
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT and CHUNK in payload:
                stamps += STAMP.findall(payload)
                count += 1
                continue
            self.on_events(stamps, count)
            stamps, count = [], 0
            self._on_other(opcode, payload)
        self.on_events(stamps, count)

    async def send_interrupt(self) -> None:
        """Send the command."""
        self.on_interrupt_sent()
        self._send({"type": "interrupt", "id": 1, "generation_id": self.generation_id})

    def _start(self) -> None:
        self.write(client_frame(TEXT, self.plan.request.first.encode()))

    def _on_other(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.write(client_frame(PONG, payload))
        elif opcode == CLOSE:
            self.finish_request("the socket was closed")
        elif opcode == TEXT:
            self._on_message(json.loads(payload))

    def _on_message(self, message: dict[str, object]) -> None:
        kind, seq = message["type"], message.get("seq")
        if kind == "rejected":
            self.finish_request(f"rejected: {message['code']}")
        elif kind == "ack" and isinstance(seq, int):
            self.on_interrupt_accepted(seq)
        else:
            self.on_events((), 1)
        if kind == "accepted":
            self.generation_id = str(message["generation_id"])
        elif kind in ENDS and isinstance(seq, int):
            self.on_end(str(kind), seq)
            if not self.plan.reuse_sockets:
                self.disconnect(client_frame(CLOSE, NORMAL_CLOSURE))
            self.on_stream_closed()

    def _send(self, message: dict[str, object]) -> None:
        self.write(client_frame(TEXT, json.dumps(message).encode()))
