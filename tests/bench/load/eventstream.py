"""A client over SSE, also of servers that speak the provider's own format."""

import asyncio
import json

from tests.bench.load.client import Client
from tests.bench.load.http import ChunkedBody, Head, WireError, parse_head, request
from tests.bench.marks import MARK

ENDS = {b"event: complete": "complete", b"event: interrupted": "interrupted", b"event: error": "error"}


class EventStreamClient(Client):
    """One request on the connection for each stream; the connection is kept."""

    _received = b""
    _events = b""
    _head: Head | None = None

    def begin(self, *, fresh: bool) -> None:
        """Send the request."""
        self._received, self._events, self._head, self._body = b"", b"", None, ChunkedBody()
        asked = self.plan.request
        self.write(
            request(asked.method, asked.path, self.plan.port, asked.body.encode(), {"Accept": "text/event-stream"})
        )

    def received(self, data: bytes) -> None:
        """Take the head off, the chunks apart, and read the events that are whole."""
        if self._head is None:
            head, found, data = (self._received + data).partition(b"\r\n\r\n")
            if not found:
                self._received = head
                return
            self._head = parse_head(head)
            self.generation_id = self._head.headers.get("x-generation-id", "")
            if self._head.status != 200 or not self._head.is_chunked:
                message = f"status {self._head.status}"
                raise WireError(message)
        events = self._events + self._body.feed(data)
        end = events.rfind(b"\n\n") + 2
        if end > 1:
            self._events = events[end:]
            self._read(events[:end])
        else:
            self._events = events
        if self._body.is_over:
            if not self._head.keeps:
                self.leave()
            self.finished()

    async def send_interrupt(self) -> None:
        """Send the command by a request of its own."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.port)
        except OSError as error:
            self.over(f"interrupt: {error.strerror}")
            return
        self.sending_interrupt()
        path = f"/api/generations/{self.generation_id}/interrupt"
        writer.write(request("POST", path, self.plan.port, headers={"Connection": "close"}))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if parse_head(head).status == 202:
            self.fenced(json.loads(body)["seq"])
        else:
            self.over(f"interrupt: status {parse_head(head).status}")

    def _read(self, block: bytes) -> None:
        if b"\nevent: " not in block and not block.startswith(b"event: ") and b"[DONE]" not in block:
            self.events(MARK.findall(block), block.count(b"\n\n"))
            return
        for event in block.split(b"\n\n")[:-1]:
            marks = MARK.findall(event)
            self.events(marks, 1)
            if not marks:
                self._look_for_end(event)

    def _look_for_end(self, event: bytes) -> None:
        seq = 0
        for line in event.split(b"\n"):
            if line.startswith(b"id: "):
                seq = int(line.rpartition(b":")[2])
            elif line in ENDS:
                self.ended(ENDS[line], seq)
            elif line == b"data: [DONE]":
                self.ended("complete")
