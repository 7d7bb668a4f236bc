"""The plain mode against a small gateway: what is asked of it, what is written where, and the exit code."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.cli.chat.line_reader import LinesIn
from gateway.cli.chat.plain import PlainChat
from gateway.cli.chat.settings import ChatSettings

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
    """Answers each question with its own text in capitals; `ending` None waits for an interrupt."""

    ending: dict[str, object] | None = field(default_factory=lambda: COMPLETE)
    holds: int | None = None
    """Of which question the start is not answered before `commanded`."""
    asked: list[list[dict[str, str]]] = field(default_factory=list)
    commands: list[tuple[str, object]] = field(default_factory=list)
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    commanded: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Stream an answer."""
        messages = (await request.json())["messages"]
        self.asked.append(messages)
        if len(self.asked) == self.holds:
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
        """Take a command."""
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
        """Put text into the pipe."""
        os.write(self.write_end, text.encode())

    def end(self) -> None:
        """End the input."""
        os.close(self.write_end)
        self.write_end = -1

    async def said(self, text: str) -> None:
        """Wait until the status output has a text."""
        turns = asyncio.Event()
        turns.set()
        async with asyncio.timeout(5):
            while text not in self.status.getvalue():
                await asyncio.wait([asyncio.create_task(turns.wait())])

    async def run(self) -> int:
        """Run it to its exit code."""
        async with self.chat.client() as client:
            return await self.chat.run(client)


Open = Callable[..., Awaitable[Terminal]]


@pytest.fixture(name="gateway")
def _gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture(name="terminal")
async def _terminal(gateway: FakeGateway) -> AsyncIterator[Open]:
    app = web.Application()
    app.router.add_post("/api/chat/stream", gateway.start)
    app.router.add_post("/api/generations/{id}/{command}", gateway.command)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    opened: list[tuple[int, Terminal]] = []

    async def make(*, prompt: str | None = None, by_hand: bool = False) -> Terminal:
        read_end, write_end = os.pipe()
        out, status = io.StringIO(), io.StringIO()
        settings = ChatSettings(str(server.make_url("")), prompt=prompt, system="Be brief.")
        terminal = Terminal(
            PlainChat(settings, LinesIn(read_end), out, status, by_hand=by_hand), out, status, write_end
        )
        opened.append((read_end, terminal))
        return terminal

    yield make
    for read_end, terminal in opened:
        os.close(read_end)
        if terminal.write_end >= 0:
            terminal.end()
    await server.close()


async def test_one_prompt_is_one_answer(gateway: FakeGateway, terminal: Open) -> None:
    chat = await terminal(prompt="xin chào")
    assert await chat.run() == 0
    assert chat.out.getvalue() == "XIN CHÀO\n"
    assert "complete (stop)" in chat.status.getvalue()
    assert gateway.asked == [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "xin chào"}]]


async def test_each_line_is_a_question_that_knows_the_earlier_ones(gateway: FakeGateway, terminal: Open) -> None:
    chat = await terminal()
    chat.type("one\n\n/two is a path\nthree")
    chat.end()
    assert await chat.run() == 0
    assert chat.out.getvalue() == "ONE\n/TWO IS A PATH\nTHREE\n"
    contents = [message["content"] for message in gateway.asked[-1]]
    assert contents == ["Be brief.", "one", "ONE", "/two is a path", "/TWO IS A PATH", "three"]
    assert gateway.commands == []


async def test_an_interrupt_stops_the_answer(gateway: FakeGateway, terminal: Open) -> None:
    gateway.ending = None
    chat = await terminal(prompt="one")
    running = asyncio.create_task(chat.run())
    await gateway.streaming.wait()
    chat.chat.interrupted()
    assert await running == 130
    assert [name for name, _ in gateway.commands] == ["interrupt"]
    assert chat.out.getvalue() == "ONE\n"
    assert "stopped in" in chat.status.getvalue()


async def test_an_interrupt_while_waiting_for_a_line_leaves(terminal: Open) -> None:
    chat = await terminal()
    running = asyncio.create_task(chat.run())
    await asyncio.wait([running], timeout=0)
    chat.chat.interrupted()
    assert await running == 130


async def test_an_error_is_told_and_ends_with_one(gateway: FakeGateway, terminal: Open) -> None:
    gateway.ending = FAILED
    chat = await terminal()
    chat.type("one\ntwo\n")
    assert await chat.run() == 1
    assert chat.out.getvalue() == "ONE\n"
    assert "Nothing came. (stalled; worth trying again)" in chat.status.getvalue()
    assert len(gateway.asked) == 1


async def test_a_typed_line_while_it_streams_is_feedback(gateway: FakeGateway, terminal: Open) -> None:
    gateway.ending = None
    chat = await terminal(by_hand=True)
    chat.type("one\n")
    running = asyncio.create_task(chat.run())
    await gateway.streaming.wait()
    chat.type("shorter\n/good\n/stop\n")
    assert await running == 130
    assert gateway.commands == [
        ("feedback", {"text": "shorter", "mode": "revise"}),
        ("feedback", {"rating": 1, "mode": "note"}),
        ("interrupt", {"reason": "stopped in the terminal"}),
    ]


async def test_feedback_never_goes_to_an_earlier_answer(gateway: FakeGateway, terminal: Open) -> None:
    gateway.holds = 2
    chat = await terminal(by_hand=True)
    chat.type("one\n")
    running = asyncio.create_task(chat.run())
    await chat.said("complete (stop)")
    gateway.streaming.clear()
    chat.type("two\n")
    await gateway.streaming.wait()
    chat.type("shorter\n")
    await chat.said("not accepted yet")
    gateway.commanded.set()
    chat.end()
    assert await running == 0
    assert gateway.commands == []


async def test_typed_commands_are_not_questions(gateway: FakeGateway, terminal: Open) -> None:
    chat = await terminal(by_hand=True)
    chat.type("/help\n/good\n/nonsense\n/transport ws\n/quit\n")
    assert await chat.run() == 0
    assert gateway.asked == []
    said = chat.status.getvalue()
    assert "/transport sse|ws" in said
    assert "There is no answer yet" in said
    assert "/nonsense is no command" in said
    assert "now on ws" in said


async def test_lines_are_cut_anywhere_and_the_last_needs_no_end() -> None:
    read_end, write_end = os.pipe()
    lines = LinesIn(read_end)
    os.write(write_end, "chà".encode()[:-1])
    waiting = asyncio.create_task(lines.next())
    await asyncio.wait([waiting], timeout=0)
    os.write(write_end, "chà".encode()[-1:] + b"o\r\n\nlast")
    assert await waiting == "chào"
    os.close(write_end)
    assert [await lines.next() for _ in range(4)] == ["", "last", None, None]
    os.close(read_end)


async def test_a_cancelled_wait_loses_no_line() -> None:
    read_end, write_end = os.pipe()
    lines = LinesIn(read_end)
    waiting = asyncio.create_task(lines.next())
    await asyncio.wait([waiting], timeout=0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not asyncio.get_running_loop().remove_reader(read_end)
    os.write(write_end, b"one\n")
    assert await lines.next() == "one"
    os.close(write_end)
    os.close(read_end)


async def test_a_plain_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "questions"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"one\ntwo\n")
    os.lseek(descriptor, 0, os.SEEK_SET)
    lines = LinesIn(descriptor)
    assert [await lines.next() for _ in range(3)] == ["one", "two", None]
    os.close(descriptor)
