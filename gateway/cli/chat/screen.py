"""The full screen: the conversation, a status line, and an input line that is always usable."""

import asyncio
import sys
import time
from collections.abc import Coroutine

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Dimension, HSplit, Layout, UIContent, UIControl, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import TextArea

from gateway.cli.chat.input import HELP, InvalidInput, Note, Prompt, SlashCommand, Switch, parse
from gateway.cli.chat.messages import describe, status_line
from gateway.cli.chat.session import ChatSession
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.chat.transcript import Row, Transcript
from gateway.client import Client, RetryNotice
from gateway.protocol.errors import GatewayError
from gateway.protocol.events import Error, Event

REDRAW_S = 0.03
"""Minimum seconds between redraws: an answer may have thousands of events a second."""

QUIT_S = 2.0
"""Maximum seconds to wait at the end for the running answer to be interrupted."""

ERASE_LINE = "\x1b[2K"
"""EL 2 (ECMA-48): erases the whole line."""

STYLE = Style.from_dict(
    {
        "you": "bold ansicyan",
        "feedback": "ansicyan",
        "thinking": "italic ansibrightblack",
        "old": "ansibrightblack",
        "note": "ansiyellow",
        "error": "ansired",
        "status": "reverse",
    }
)


async def chat_on_screen(settings: ChatSettings) -> int:
    """Run a chat on the full screen until the user quits; return the exit code."""
    screen = Screen(settings)
    try:
        async with Client(
            settings.url, transport=settings.transport, token=settings.token, notice=screen.on_retry_notice
        ) as client:
            await screen.run(client)
    except GatewayError as error:  # the address is invalid
        sys.stderr.write(f"{describe(error)}\n")
        return 1
    # The terminal restores what was there before the full screen, so the conversation is printed once more.
    sys.stdout.write(screen.transcript.to_text())
    return 0


class _Rows(UIControl):
    """Displays the part of the transcript that is in view.

    Terminals disagree on the width of joined emoji, so that updating part of a row would change the wrong cells. A row
    that has changed is therefore erased and written in full: its style class alternates, so that prompt_toolkit's
    renderer treats every cell as changed.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._drawn: list[tuple[Row, bool]] = []
        self.height = 0

    def create_content(self, width: int, height: int) -> UIContent:
        self.height = height
        rows = self._transcript.view(width, height)
        previous = [*self._drawn[: len(rows)], *[(("", ""), False)] * (len(rows) - len(self._drawn))]
        self._drawn = [(row, odd != (row != old)) for row, (old, odd) in zip(rows, previous, strict=True)]

        def line(index: int) -> StyleAndTextTuples:
            (style, text), odd = self._drawn[index]
            return [("[ZeroWidthEscape]", ERASE_LINE), (f"{style} class:odd" if odd else style, text)]

        return UIContent(get_line=line, line_count=len(rows), show_cursor=False)


class Screen:
    """The application: its layout, and the actions of keys and typed lines."""

    def __init__(self, settings: ChatSettings) -> None:
        self.transcript = Transcript()
        self._settings = settings
        self._rows = _Rows(self.transcript)
        self._input = TextArea(height=1, prompt="> ", multiline=False, wrap_lines=False, accept_handler=self._on_line)
        self._quit_requested = False
        self._session: ChatSession | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._question: asyncio.Task[None] | None = None
        self._app = self._build_application()
        self.transcript.add_message("class:note", f"Gateway: {settings.url}. /help lists the commands.")

    async def run(self, client: Client) -> None:
        """Display the screen until the user quits; then interrupt the running answer."""
        self._session = session = ChatSession(client, self._settings, time.monotonic)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._app.run_async()
            if session.running:
                try:
                    async with asyncio.timeout(QUIT_S):
                        await session.stop()
                except TimeoutError:
                    pass
            if self._question is not None:
                self._question.cancel()

    def on_retry_notice(self, notice: RetryNotice) -> None:
        """Record that the client retries, for the status line."""
        if self._session is not None:
            self._session.on_retry_notice(notice)
        self._app.invalidate()

    def _build_application(self) -> Application[None]:
        status = Window(
            FormattedTextControl(self._status_text),
            height=Dimension(min=1, max=3),
            dont_extend_height=True,
            wrap_lines=True,
            style="class:status",
        )
        return Application(
            layout=Layout(HSplit([Window(self._rows), status, self._input]), focused_element=self._input),
            key_bindings=self._build_key_bindings(),
            style=STYLE,
            full_screen=True,
            min_redraw_interval=REDRAW_S,
            refresh_interval=0.5,
        )

    def _build_key_bindings(self) -> KeyBindings:
        keys = KeyBindings()
        keys.add("c-c")(self._on_ctrl_c)
        empty = Condition(lambda: not self._input.text)
        keys.add("c-d", filter=empty)(lambda event: event.app.exit())
        keys.add("pageup")(lambda _event: self.transcript.scroll(max(1, self._rows.height - 1)))
        keys.add("pagedown")(lambda _event: self.transcript.scroll(-max(1, self._rows.height - 1)))
        return keys

    def _status_text(self) -> str:
        if self._session is None:
            return ""
        session = self._session
        text = status_line(session.transport, self._settings.model, session.turn, time.monotonic())
        below = f" · {self.transcript.scrolled} rows below (PageDown)" if self.transcript.scrolled else ""
        return f" {text}{below} "

    def _on_ctrl_c(self, event: KeyPressEvent) -> None:
        session = self._session
        if session is not None and session.turn is not None and session.running:
            if session.turn.stop_at is not None and not session.accepted and self._question is not None:
                self._question.cancel()  # the second Ctrl-C, and the question is still not accepted
            self._stop()
        elif self._input.text:
            self._input.text = ""
        elif self._quit_requested:
            event.app.exit()
        else:
            self._quit_requested = True
            self.transcript.scrolled = 0
            self.transcript.add_message("class:note", "No answer is running. Press Ctrl-C again to quit.")

    def _on_line(self, buffer: Buffer) -> bool:
        self._quit_requested = False
        session = self._session
        if session is None or self._tasks is None:
            return True
        self.transcript.scrolled = 0
        match parse(buffer.text):
            case Prompt(text=text) if session.running:
                self.transcript.add_message("class:feedback", f"> {text}")
                self._tasks.create_task(self._show_result(session.revise(text), ""))
            case Prompt(text=text):
                self.transcript.add_question(text)
                self._question = self._tasks.create_task(self._ask(session, text))
            case Note(text=note, rating=rating):
                self._tasks.create_task(self._show_result(session.note(note, rating), "Recorded."))
            case Switch(transport=transport):
                self._tasks.create_task(session.switch(transport))
            case SlashCommand(name="stop"):
                self._stop()
            case SlashCommand(name="quit"):
                self._app.exit()
            case SlashCommand():
                self.transcript.add_message("class:note", HELP)
            case InvalidInput(message=message):
                self.transcript.add_message("class:error", message)
        return False

    def _stop(self) -> None:
        if self._session is not None and self._tasks is not None:
            self._tasks.create_task(self._show_result(self._session.stop(), ""))

    async def _ask(self, session: ChatSession, question: str) -> None:
        turn = await session.ask(question, self._on_update)
        if turn.failure is not None:
            self.transcript.add_message("class:error", turn.failure)
        elif isinstance(turn.terminal, Error):
            self.transcript.add_message("class:error", describe(turn.terminal))
        self._app.invalidate()

    async def _show_result(self, command: Coroutine[object, object, str | None], done: str) -> None:
        problem = await command
        if problem is not None:
            self.transcript.add_message("class:error", problem)
        elif done:
            self.transcript.add_message("class:note", done)
        self._app.invalidate()

    def _on_update(self, event: Event | RetryNotice) -> None:
        if not isinstance(event, RetryNotice):
            self.transcript.receive(event)
        self._app.invalidate()
