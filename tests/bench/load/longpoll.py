"""A client that polls: it starts by POST, and sends the next request as soon as a response has arrived."""

import json

from tests.bench.load.client import Client
from tests.bench.load.http import ResponseHead, WireError, parse_response_head, request
from tests.bench.stamps import STAMP

ENDS = {"complete", "interrupted", "error"}


class LongPollClient(Client):
    """Sends all requests on one connection."""

    _received = b""
    _head: ResponseHead | None = None

    def start_stream(self, *, is_new: bool) -> None:
        """Send the start."""
        self._received, self._head, self.generation_id = b"", None, ""
        wanted = self.plan.request
        self.write(request(wanted.method, wanted.path, self.plan.port, wanted.body.encode()))

    def on_data(self, data: bytes) -> None:
        """Parse a response, which is complete once it has its length, and send the next request."""
        self._received += data
        if self._head is None:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            self._head, self._received = parse_response_head(head), rest
            if self._head.status not in {200, 201}:
                message = f"status {self._head.status}"
                raise WireError(message)
        size = int(self._head.headers.get("content-length", "-1"))
        if size < 0:
            message = "a response without a length"
            raise WireError(message)
        if len(self._received) >= size:
            body, self._received, self._head = self._received[:size], self._received[size:], None
            self._on_body(body)

    async def send_interrupt(self) -> None:
        """Not supported: an interrupt is the same POST as over SSE."""
        raise NotImplementedError

    def _on_body(self, body: bytes) -> None:
        answer = json.loads(body)
        if not self.generation_id:
            self.generation_id = answer["id"]
            self._poll(f"{self.generation_id}:0")
            return
        events = answer["events"]
        self.on_events(STAMP.findall(body), len(events))
        if answer["ended"]:
            if events and events[-1]["type"] in ENDS:
                self.on_end(events[-1]["type"], events[-1]["seq"])
            self.on_stream_closed()
        else:
            self._poll(answer["position"])

    def _poll(self, position: str) -> None:
        self.write(request("GET", f"/api/generations/{self.generation_id}/poll?after={position}", self.plan.port))
