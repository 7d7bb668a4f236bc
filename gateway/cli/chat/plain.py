"""The plain mode: answers stream to standard output, everything else is written to standard error."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, TypeVar

from gateway.cli.chat.input import HELP, InvalidInput, Note, Prompt, SlashCommand, Switch, parse
from gateway.cli.chat.line_reader import LineReader
from gateway.cli.chat.messages import describe, status_line
from gateway.cli.chat.parts import describe_part
from gateway.cli.chat.sanitize import safe, safe_line
from gateway.cli.chat.session import ChatSession
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.chat.turn import Turn
from gateway.client import Client, RetryNotice
from gateway.protocol.errors import GatewayError
from gateway.protocol.events import Chunk, Error, Event, Gap, Interrupted, Part, Revision

Result = TypeVar("Result")

INTERRUPTED = 130
"""Exit code of a program that SIGINT ended: 128 + 2, as in POSIX shells."""


class PlainOutput:
    """Converts events to the text to write next. Pure."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def receive(self, event: Event) -> str:
        """Return what an event adds to the output."""
        match event:
            case Chunk(content=content):
                self._text.append(content)
                return safe(content)
            case Gap(text=text):
                written = "".join(self._text)
                self._text = [text]
                # The text of a gap usually extends what was written. If not, all of it follows on a new line: output
                # can't be taken back.
                return safe(text[len(written) :] if text.startswith(written) else f"\n{text}")
            case Revision():
                has_text = bool(self._text)
                self._text = []
                return "\n\n" if has_text else ""
            case _:
                return ""


async def chat_plainly(settings: ChatSettings, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Answer the prompt, or each line of standard input; return the exit code."""
    lines = LineReader(stdin.fileno())
    plain = PlainChat(settings, lines, stdout, stderr, interactive=stdin.isatty())
    try:
        async with plain.client() as client:
            with _on_sigint(plain.on_interrupt):
                return await plain.run(client)
    except GatewayError as error:  # the address is invalid
        stderr.write(f"{describe(error)}\n")
        return 1
    except BrokenPipeError:
        # The reader of our output has gone (`| head`). Python flushes standard output at exit, which must not fail once
        # more (Python documentation of `signal`, "Note on SIGPIPE").
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        return 1


@contextmanager
def _on_sigint(callback: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, callback)
    except NotImplementedError:
        yield  # a loop without signal handlers (Windows): SIGINT raises KeyboardInterrupt, which ends the program
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


class PlainChat:
    """Questions, one after the other. `interactive`: a person types them, so a line during an answer is feedback."""

    def __init__(
        self,
        settings: ChatSettings,
        lines: LineReader,
        out: TextIO,
        status: TextIO,
        *,
        interactive: bool,
    ) -> None:
        self._settings = settings
        self._lines = lines
        self._out = out
        self._status = status
        self._interactive = interactive
        self._session: ChatSession | None = None
        self._stops: asyncio.Queue[None] = asyncio.Queue()
        self._quit = asyncio.Event()

    def client(self) -> Client:
        """Build the client to pass to `run`."""
        return Client(
            self._settings.url,
            transport=self._settings.transport,
            token=self._settings.token,
            notice=self._on_retry_notice,
        )

    def on_interrupt(self) -> None:
        """Stop the answer; at a second interrupt, or if there is no answer, quit without waiting."""
        turn = self._session.turn if self._session is not None else None
        if turn is None or not turn.running or turn.stop_at is not None or not self._stops.empty():
            self._quit.set()
        else:
            self._stops.put_nowait(None)

    async def run(self, client: Client) -> int:
        """Answer questions until there are no more, or an error occurs; return the exit code."""
        self._session = session = ChatSession(client, self._settings, time.monotonic)
        question = self._settings.prompt
        once = question is not None
        while True:
            if question is None:
                question = await self._read_question(session)
            if question is None:
                return INTERRUPTED if self._quit.is_set() else 0
            code = await self._answer(session, question)
            if code or once:
                return code
            question = None

    async def _read_question(self, session: ChatSession) -> str | None:
        while True:
            line = await self._unless_quit(self._lines.next())
            if line is None:
                return None
            if not self._interactive:
                if line.strip():
                    return line
                continue
            match parse(line):
                case Prompt(text=text):
                    return text
                case SlashCommand(name="quit"):
                    return None
                case _:
                    await self._run_command(session, line)

    async def _answer(self, session: ChatSession, question: str) -> int:
        output = PlainOutput()

        def on_update(event: Event | RetryNotice) -> None:
            if isinstance(event, Part):
                if line := describe_part(event):
                    self._print_status(line)
            elif not isinstance(event, RetryNotice):
                self._write(output.receive(event))

        tasks = [asyncio.create_task(self._forward_stops(session))]
        if self._interactive:
            tasks.append(asyncio.create_task(self._read_feedback(session)))
        try:
            turn = await self._unless_quit(session.ask(question, on_update))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if turn is None:
            return INTERRUPTED
        if turn.state is not None:
            self._write("\n")
            self._print_status(status_line(session.transport, self._settings.model, turn, time.monotonic()))
        return self._exit_code(turn)

    def _exit_code(self, turn: Turn) -> int:
        if isinstance(turn.terminal, Error):
            self._print_status(describe(turn.terminal))
            return 1
        if turn.failure is not None:
            self._print_status(turn.failure)
            return INTERRUPTED if turn.stop_at is not None else 1
        if isinstance(turn.terminal, Interrupted):
            return INTERRUPTED
        return 0

    async def _forward_stops(self, session: ChatSession) -> None:
        while True:
            await self._stops.get()
            problem = await session.stop()
            if problem is not None:
                self._print_status(problem)

    async def _read_feedback(self, session: ChatSession) -> None:
        while (line := await self._lines.next()) is not None:
            match parse(line):
                case Prompt(text=text):
                    problem = await session.revise(text)
                    self._print_status(problem or "feedback sent")
                case SlashCommand(name="stop" | "quit"):
                    self._stops.put_nowait(None)
                case _:
                    await self._run_command(session, line)

    async def _run_command(self, session: ChatSession, line: str) -> None:
        match parse(line):
            case Note(text=text, rating=rating):
                self._print_status(await session.note(text, rating) or "recorded")
            case Switch(transport=transport):
                await session.switch(transport)
                self._print_status(f"now on {transport}")
            case InvalidInput(message=message):
                self._print_status(message)
            case SlashCommand():
                self._print_status(HELP)
            case _:
                pass

    async def _unless_quit(self, work: Coroutine[object, object, Result]) -> Result | None:
        """Run a coroutine and return its result; cancel it and return None when the user quits first."""
        task = asyncio.create_task(work)
        quitting = asyncio.create_task(self._quit.wait())
        try:
            await asyncio.wait({task, quitting}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            quitting.cancel()
            task.cancel()
            await asyncio.gather(task, quitting, return_exceptions=True)

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()

    def _print_status(self, text: str) -> None:
        self._status.write(f"{safe(text)}\n")
        self._status.flush()

    def _on_retry_notice(self, notice: RetryNotice) -> None:
        self._print_status(f"{safe_line(notice.reason)}; trying again ({notice.failure} of {notice.failures - 1})")
        if self._session is not None:
            self._session.on_retry_notice(notice)
