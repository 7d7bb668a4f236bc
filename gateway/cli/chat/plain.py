"""The plain mode: answers to standard output as they come, everything else to standard error."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, TypeVar

from gateway.cli.chat.input import HELP, InvalidInput, Note, Say, SlashCommand, Switch, parse
from gateway.cli.chat.line_reader import LinesIn
from gateway.cli.chat.messages import describe, status_line
from gateway.cli.chat.sanitize import safe, safe_line
from gateway.cli.chat.session import ChatSession
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.chat.turn import Turn
from gateway.client import Client, RetryNotice
from gateway.protocol.errors import GatewayError
from gateway.protocol.events import Chunk, Error, Event, Gap, Interrupted, Revision

Result = TypeVar("Result")

INTERRUPTED = 130
"""The exit code of a program that was interrupted from the keyboard."""


class Printed:
    """What of an answer was written, and what is to be written next. Pure."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def take(self, event: Event) -> str:
        """Give what an event adds to the output."""
        match event:
            case Chunk(content=content):
                self._text.append(content)
                return safe(content)
            case Gap(text=text):
                written = "".join(self._text)
                self._text = [text]
                # Mostly the gap brings what we had and more; where it does not, the whole follows on a new line.
                return safe(text[len(written) :] if text.startswith(written) else f"\n{text}")
            case Revision():
                begun = bool(self._text)
                self._text = []
                return "\n\n" if begun else ""
            case _:
                return ""


async def chat_plainly(settings: ChatSettings, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Answer the prompt, or each line of standard input, and give the exit code."""
    lines = LinesIn(stdin.fileno())
    plain = PlainChat(settings, lines, stdout, stderr, by_hand=stdin.isatty())
    try:
        async with plain.client() as client:
            with _on_interrupt(plain.interrupted):
                return await plain.run(client)
    except GatewayError as error:  # an address that is none
        stderr.write(f"{describe(error)}\n")
        return 1
    except BrokenPipeError:
        # Nobody reads us any more (`| head`); what is still buffered must not fail again at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        return 1


@contextmanager
def _on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, call)
    except NotImplementedError:
        yield  # then the interrupt is a KeyboardInterrupt, and ends us
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


class PlainChat:
    """Questions one after the other. `by_hand`: a person types them, so a line while an answer streams is feedback."""

    def __init__(
        self,
        settings: ChatSettings,
        lines: LinesIn,
        out: TextIO,
        status: TextIO,
        *,
        by_hand: bool,
    ) -> None:
        self._settings = settings
        self._lines = lines
        self._out = out
        self._status = status
        self._by_hand = by_hand
        self._talk: ChatSession | None = None
        self._stops: asyncio.Queue[None] = asyncio.Queue()
        self._leave = asyncio.Event()

    def client(self) -> Client:
        """Make the client to run with."""
        return Client(
            self._settings.url,
            transport=self._settings.transport,
            token=self._settings.token,
            notice=self._trouble,
        )

    def interrupted(self) -> None:
        """Take an interrupt from the keyboard: the first stops the answer, a second does not wait for its end."""
        turn = self._talk.turn if self._talk is not None else None
        if turn is None or not turn.running or turn.stop_at is not None or not self._stops.empty():
            self._leave.set()
        else:
            self._stops.put_nowait(None)

    async def run(self, client: Client) -> int:
        """Ask and answer until there are no more questions, or something goes wrong; give the exit code."""
        self._talk = talk = ChatSession(client, self._settings, time.monotonic)
        question = self._settings.prompt
        only = question is not None
        while True:
            if question is None:
                question = await self._question(talk)
            if question is None:
                return INTERRUPTED if self._leave.is_set() else 0
            code = await self._one(talk, question)
            if code or only:
                return code
            question = None

    async def _question(self, talk: ChatSession) -> str | None:
        while True:
            line = await self._unless_left(self._lines.next())
            if line is None:
                return None
            if not self._by_hand:
                if line.strip():
                    return line
                continue
            match parse(line):
                case Say(text=text):
                    return text
                case SlashCommand(name="quit"):
                    return None
                case _:
                    await self._aside(talk, line)

    async def _one(self, talk: ChatSession, question: str) -> int:
        printed = Printed()

        def seen(event: Event | RetryNotice) -> None:
            if not isinstance(event, RetryNotice):
                self._write(printed.take(event))

        tasks = [asyncio.create_task(self._stop_when_told(talk))]
        if self._by_hand:
            tasks.append(asyncio.create_task(self._listen(talk)))
        try:
            turn = await self._unless_left(talk.ask(question, seen))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if turn is None:
            return INTERRUPTED
        if turn.state is not None:
            self._write("\n")
            self._say(status_line(talk.transport, self._settings.model, turn, time.monotonic()))
        return self._code(turn)

    def _code(self, turn: Turn) -> int:
        if isinstance(turn.terminal, Error):
            self._say(describe(turn.terminal))
            return 1
        if turn.failure is not None:
            self._say(turn.failure)
            return INTERRUPTED if turn.stop_at is not None else 1
        if isinstance(turn.terminal, Interrupted):
            return INTERRUPTED
        return 0

    async def _stop_when_told(self, talk: ChatSession) -> None:
        while True:
            await self._stops.get()
            problem = await talk.stop()
            if problem is not None:
                self._say(problem)

    async def _listen(self, talk: ChatSession) -> None:
        while (line := await self._lines.next()) is not None:
            match parse(line):
                case Say(text=text):
                    problem = await talk.revise(text)
                    self._say(problem or "feedback sent")
                case SlashCommand(name="stop" | "quit"):
                    self._stops.put_nowait(None)
                case _:
                    await self._aside(talk, line)

    async def _aside(self, talk: ChatSession, line: str) -> None:
        match parse(line):
            case Note(text=text, rating=rating):
                self._say(await talk.note(text, rating) or "recorded")
            case Switch(transport=transport):
                await talk.switch(transport)
                self._say(f"now on {transport}")
            case InvalidInput(message=message):
                self._say(message)
            case SlashCommand():
                self._say(HELP)
            case _:
                pass

    async def _unless_left(self, doing: Coroutine[object, object, Result]) -> Result | None:
        task = asyncio.create_task(doing)
        leaving = asyncio.create_task(self._leave.wait())
        try:
            await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            leaving.cancel()
            task.cancel()
            await asyncio.gather(task, leaving, return_exceptions=True)

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()

    def _say(self, text: str) -> None:
        self._status.write(f"{safe(text)}\n")
        self._status.flush()

    def _trouble(self, trouble: RetryNotice) -> None:
        self._say(f"{safe_line(trouble.reason)}; trying again ({trouble.failure} of {trouble.failures - 1})")
        if self._talk is not None:
            self._talk.trouble(trouble)
