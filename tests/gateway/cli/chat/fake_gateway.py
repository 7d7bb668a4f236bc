"""A gateway that answers with the question, and a plain chat with it whose input is a pipe."""

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from gateway.cli.chat.plain import PlainChat

ID = "g_test"
USAGE = {"input_tokens": 1, "output_tokens": 2, "source": "exact"}
METRICS = {
    "request_id": "r",
    "ttft_ms": 1,
    "duration_ms": 2,
    "queue_ms": 0,
    "chunks": 1,
    "chars": 2,
    "bytes": 2,
    "chars_per_s": None,
    "attempts": 1,
    "revisions": 1,
}
ACCEPTED: dict[str, object] = {"type": "accepted", "generation_id": ID, "request_id": "r", "model": "sim"}
END: dict[str, object] = {"usage": USAGE, "cost_usd": None, "metrics": METRICS}
COMPLETE: dict[str, object] = {"type": "complete", "finish_reason": "stop", **END}
STOPPED: dict[str, object] = {"type": "interrupted", "by": "client", "reason": None, "cancel_ms": 1.0, **END}
FAILED: dict[str, object] = {
    "type": "error",
    "code": "stalled",
    "message": "Nothing came.",
    "retryable": True,
    "retry_after_ms": None,
    "partial": True,
    **END,
}


def _chunk(content: str) -> dict[str, object]:
    return {"type": "chunk", "content": content}


@dataclass
class FakeGateway:
    """Answers each question with its text in capitals. If `ending` is None, it waits for an interrupt."""

    ending: dict[str, object] | None = field(default_factory=lambda: COMPLETE)
    held_question: int | None = None
    """Number of the question whose start is not answered before `commanded`."""
    asked: list[list[dict[str, str]]] = field(default_factory=list)
    commands: list[tuple[str, object]] = field(default_factory=list)
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    commanded: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Stream an answer."""
        messages = (await request.json())["messages"]
        self.asked.append(messages)
        if len(self.asked) == self.held_question:
            self.streaming.set()
            await self.commanded.wait()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        events = [ACCEPTED, _chunk(messages[-1]["content"].upper()), self.ending or STOPPED]
        for seq, event in enumerate(events, 1):
            if seq == 3:
                self.streaming.set()
                if self.ending is None:
                    await self.commanded.wait()
            await response.write(b"id: %b:%d\ndata: %b\n\n" % (ID.encode(), seq, orjson.dumps(event)))
        return response

    async def command(self, request: web.Request) -> web.Response:
        """Record a command."""
        self.commands.append((request.match_info["command"], await request.json()))
        if request.match_info["command"] == "interrupt":
            self.commanded.set()
        return web.json_response({}, status=202)


@dataclass
class Terminal:
    """A plain chat whose input is a pipe."""

    chat: PlainChat
    out: io.StringIO
    status: io.StringIO
    write_end: int

    def type(self, text: str) -> None:
        """Write text to the pipe."""
        os.write(self.write_end, text.encode())

    def end(self) -> None:
        """End the input."""
        os.close(self.write_end)
        self.write_end = -1

    async def status_contains(self, text: str) -> None:
        """Wait until the status output contains a text."""
        turns = asyncio.Event()
        turns.set()
        async with asyncio.timeout(5):
            while text not in self.status.getvalue():
                await asyncio.wait([asyncio.create_task(turns.wait())])

    async def run(self) -> int:
        """Run the chat and return its exit code."""
        async with self.chat.client() as client:
            return await self.chat.run(client)


Open = Callable[..., Awaitable[Terminal]]
