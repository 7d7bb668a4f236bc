"""A client over SSE, also for servers that use the provider's format."""

import asyncio
import json
import re

from tests.bench.load.client import Client
from tests.bench.load.http import ChunkedBody, ResponseHead, WireError, parse_response_head, request
from tests.bench.stamps import STAMP

ENDS = {
    b"complete": "complete",
    b"interrupted": "interrupted",
    b"error": "error",
    b"message_stop": "complete",
    b"response.completed": "complete",
}
"""Ends of a stream by the names of events, in our own protocol and in those of providers."""

DONE = b"data: [DONE]"
NAME = re.compile(rb"event: ([a-z_.]+)")
NOT_TEXT = re.compile(rb"event: (?:complete|interrupted|error|message_stop|response\.(?:completed|[a-z_.]+\.done))\n")
"""Events that end the stream, and those of OpenAI's Responses that repeat text which has come before."""


class EventStreamClient(Client):
    """Sends one request for each stream, on one connection if the server keeps it."""

    _received = b""
    _events = b""
    _head: ResponseHead | None = None

    def start_stream(self, *, is_new: bool) -> None:
        """Send the request."""
        self._received, self._events, self._head, self._body = b"", b"", None, ChunkedBody()
        wanted = self.plan.request
        headers = {"Accept": "text/event-stream"}
        self.write(request(wanted.method, wanted.path, self.plan.port, wanted.body.encode(), headers))

    def on_data(self, data: bytes) -> None:
        """Parse the response head, decode the chunks, and read complete events."""
        if self._head is None:
            head, found, data = (self._received + data).partition(b"\r\n\r\n")
            if not found:
                self._received = head
                return
            self._head = parse_response_head(head)
            self.generation_id = self._head.headers.get("x-generation-id", "")
            if self._head.status != 200 or not self._head.is_chunked:
                message = f"status {self._head.status}"
                raise WireError(message)
        events = self._events + self._body.feed(data)
        end = events.rfind(b"\n\n") + 2
        if end > 1:
            self._events = events[end:]
            self._read_events(events[:end])
        else:
            self._events = events
        if self._body.is_complete:
            if not self._head.is_kept_alive:
                self.disconnect()
            self.on_stream_closed()

    async def send_interrupt(self) -> None:
        """Send the command by a separate request."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.port)
        except OSError as error:
            self.finish_request(f"interrupt: {error.strerror}")
            return
        self.on_interrupt_sent()
        path = f"/api/generations/{self.generation_id}/interrupt"
        writer.write(request("POST", path, self.plan.port, headers={"Connection": "close"}))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if parse_response_head(head).status == 202:
            self.on_interrupt_accepted(json.loads(body)["seq"])
        else:
            self.finish_request(f"interrupt: status {parse_response_head(head).status}")

    def _read_events(self, block: bytes) -> None:
        if DONE not in block and not NOT_TEXT.search(block):
            self.on_events(STAMP.findall(block), block.count(b"\n\n"))
            return
        for event in block.split(b"\n\n")[:-1]:
            if not (DONE in event or NOT_TEXT.search(event + b"\n")):
                self.on_events(STAMP.findall(event), 1)
                continue
            self.on_events((), 1)
            self._read_end(event)

    def _read_end(self, event: bytes) -> None:
        name = NAME.search(event)
        end = ENDS.get(name[1]) if name else "complete"
        if end is not None:
            # Before or after the name of the event.
            numbers = (int(line.rpartition(b":")[2]) for line in event.split(b"\n") if line.startswith(b"id: "))
            self.on_end(end, next(numbers, 0))
