"""A client over WebSocket, in the subprotocol dualstream.v1."""

import json

from tests.bench.load.client import Client
from tests.bench.load.frames import ACCEPT, CLOSE, KEY, PING, PONG, TEXT, FrameReader, masked
from tests.bench.load.http import WireError, parse_head, request
from tests.bench.marks import MARK

ENDS = ("complete", "interrupted", "error")
GOING = (1000).to_bytes(2, "big")
CHUNK = b'"type":"chunk"'


class WebSocketClient(Client):
    """One socket for all its streams, one after another, or a new one for each."""

    _received = b""
    _frames: FrameReader | None = None

    def begin(self, *, fresh: bool) -> None:
        """Open the socket, or start the next generation on it."""
        if not fresh:
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

    def received(self, data: bytes) -> None:
        """Take the head off, and read the messages that are whole."""
        if self._frames is None:
            head, found, data = (self._received + data).partition(b"\r\n\r\n")
            if not found:
                self._received = head
                return
            answer = parse_head(head)
            if answer.status != 101 or answer.headers.get("sec-websocket-accept") != ACCEPT:
                message = f"status {answer.status} to the handshake"
                raise WireError(message)
            self._frames = FrameReader()
            self._start()
        marks: list[tuple[bytes, bytes, bytes]] = []
        count = 0
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT and CHUNK in payload:
                marks += MARK.findall(payload)
                count += 1
                continue
            self.events(marks, count)
            marks, count = [], 0
            self._special(opcode, payload)
        self.events(marks, count)

    async def send_interrupt(self) -> None:
        """Send the command."""
        self.sending_interrupt()
        self._say({"type": "interrupt", "id": 1, "generation_id": self.generation_id})

    def _start(self) -> None:
        self.write(masked(TEXT, self.plan.request.first.encode()))

    def _special(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.write(masked(PONG, payload))
        elif opcode == CLOSE:
            self.over("the socket was closed")
        elif opcode == TEXT:
            self._message(json.loads(payload))

    def _message(self, message: dict[str, object]) -> None:
        kind, seq = message["type"], message.get("seq")
        if kind == "rejected":
            self.over(f"rejected: {message['code']}")
        elif kind == "ack" and isinstance(seq, int):
            self.fenced(seq)
        else:
            self.events((), 1)
        if kind == "accepted":
            self.generation_id = str(message["generation_id"])
        elif kind in ENDS and isinstance(seq, int):
            self.ended(str(kind), seq)
            if not self.plan.reuse_sockets:
                self.leave(masked(CLOSE, GOING))
            self.finished()

    def _say(self, message: dict[str, object]) -> None:
        self.write(masked(TEXT, json.dumps(message).encode()))
