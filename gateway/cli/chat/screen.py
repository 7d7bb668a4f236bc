"""The screen of a real terminal: the conversation above, a status line, and an input line that is always usable."""

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

from gateway.cli.chat.input import HELP, InvalidInput, Note, Say, SlashCommand, Switch, parse
from gateway.cli.chat.messages import describe, status_line
from gateway.cli.chat.session import ChatSession
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.chat.transcript import Row, Transcript
from gateway.client import Client, RetryNotice
from gateway.protocol.errors import GatewayError
from gateway.protocol.events import Error, Event

REDRAW_S = 0.03
"""Seconds between redraws at least: an answer may bring thousands of events a second."""

LEAVE_S = 2.0
"""Seconds that leaving waits for the running answer to be stopped."""

ERASE_LINE = "\x1b[2K"

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
    """Talk on a screen until the user leaves; give the exit code."""
    screen = Screen(settings)
    try:
        async with Client(
            settings.url, transport=settings.transport, token=settings.token, notice=screen.trouble
        ) as client:
            await screen.run(client)
    except GatewayError as error:  # an address that is none
        sys.stderr.write(f"{describe(error)}\n")
        return 1
    # The screen goes with the program; what was said stays.
    sys.stdout.write(screen.transcript.plain())
    return 0


class _Rows(UIControl):
    """Shows the part of the transcript that fits.

    Terminals do not agree on how wide joined emoji are, and a row that is changed in part would be changed in the wrong
    cells. So a row that changes is erased and written anew: its text alternates between two classes, by which the
    renderer takes every cell of it for changed.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._shown: list[tuple[Row, bool]] = []
        self.height = 0

    def create_content(self, width: int, height: int) -> UIContent:
        self.height = height
        rows = self._transcript.view(width, height)
        before = [*self._shown[: len(rows)], *[(("", ""), False)] * (len(rows) - len(self._shown))]
        self._shown = [(row, odd != (row != old)) for row, (old, odd) in zip(rows, before, strict=True)]

        def line(index: int) -> StyleAndTextTuples:
            (style, text), odd = self._shown[index]
            return [("[ZeroWidthEscape]", ERASE_LINE), (f"{style} class:odd" if odd else style, text)]

        return UIContent(get_line=line, line_count=len(rows), show_cursor=False)


class Screen:
    """What is shown, and what keys and lines do."""

    def __init__(self, settings: ChatSettings) -> None:
        self.transcript = Transcript()
        self._settings = settings
        self._rows = _Rows(self.transcript)
        self._input = TextArea(height=1, prompt="> ", multiline=False, wrap_lines=False, accept_handler=self._entered)
        self._leaving_asked = False
        self._talk: ChatSession | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._asking: asyncio.Task[None] | None = None
        self._app = self._application()
        self.transcript.said("class:note", f"Talking with {settings.url}. /help lists the commands.")

    async def run(self, client: Client) -> None:
        """Show it until the user leaves; what still runs then is stopped."""
        self._talk = talk = ChatSession(client, self._settings, time.monotonic)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._app.run_async()
            if talk.running:
                try:
                    async with asyncio.timeout(LEAVE_S):
                        await talk.stop()
                except TimeoutError:
                    pass
            if self._asking is not None:
                self._asking.cancel()

    def trouble(self, trouble: RetryNotice) -> None:
        """Take note that the client is trying again; the status line shows it."""
        if self._talk is not None:
            self._talk.trouble(trouble)
        self._app.invalidate()

    def _application(self) -> Application[None]:
        status = Window(
            FormattedTextControl(self._status),
            height=Dimension(min=1, max=3),
            dont_extend_height=True,
            wrap_lines=True,
            style="class:status",
        )
        return Application(
            layout=Layout(HSplit([Window(self._rows), status, self._input]), focused_element=self._input),
            key_bindings=self._keys(),
            style=STYLE,
            full_screen=True,
            min_redraw_interval=REDRAW_S,
            refresh_interval=0.5,
        )

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        keys.add("c-c")(self._interrupted)
        empty = Condition(lambda: not self._input.text)
        keys.add("c-d", filter=empty)(lambda event: event.app.exit())
        keys.add("pageup")(lambda _event: self.transcript.scroll(max(1, self._rows.height - 1)))
        keys.add("pagedown")(lambda _event: self.transcript.scroll(-max(1, self._rows.height - 1)))
        return keys

    def _status(self) -> str:
        if self._talk is None:
            return ""
        talk = self._talk
        text = status_line(talk.transport, self._settings.model, talk.turn, time.monotonic())
        below = f" · {self.transcript.scrolled} rows below (PageDown)" if self.transcript.scrolled else ""
        return f" {text}{below} "

    def _interrupted(self, event: KeyPressEvent) -> None:
        talk = self._talk
        if talk is not None and talk.turn is not None and talk.running:
            if talk.turn.stop_at is not None and not talk.accepted and self._asking is not None:
                self._asking.cancel()  # it was asked to stop once, and the gateway is still out of reach
            self._do_stop()
        elif self._input.text:
            self._input.text = ""
        elif self._leaving_asked:
            event.app.exit()
        else:
            self._leaving_asked = True
            self.transcript.scrolled = 0
            self.transcript.said("class:note", "Nothing is running. Ctrl-C once more leaves.")

    def _entered(self, buffer: Buffer) -> bool:
        self._leaving_asked = False
        talk = self._talk
        if talk is None or self._tasks is None:
            return True
        self.transcript.scrolled = 0
        match parse(buffer.text):
            case Say(text=text) if talk.running:
                self.transcript.said("class:feedback", f"> {text}")
                self._tasks.create_task(self._told(talk.revise(text), ""))
            case Say(text=text):
                self.transcript.asked(text)
                self._asking = self._tasks.create_task(self._ask(talk, text))
            case Note(text=noted, rating=rating):
                self._tasks.create_task(self._told(talk.note(noted, rating), "Recorded."))
            case Switch(transport=transport):
                self._tasks.create_task(talk.switch(transport))
            case SlashCommand(name="stop"):
                self._do_stop()
            case SlashCommand(name="quit"):
                self._app.exit()
            case SlashCommand():
                self.transcript.said("class:note", HELP)
            case InvalidInput(message=message):
                self.transcript.said("class:error", message)
        return False

    def _do_stop(self) -> None:
        if self._talk is not None and self._tasks is not None:
            self._tasks.create_task(self._told(self._talk.stop(), ""))

    async def _ask(self, talk: ChatSession, question: str) -> None:
        turn = await talk.ask(question, self._seen)
        if turn.failure is not None:
            self.transcript.said("class:error", turn.failure)
        elif isinstance(turn.terminal, Error):
            self.transcript.said("class:error", describe(turn.terminal))
        self._app.invalidate()

    async def _told(self, telling: Coroutine[object, object, str | None], done: str) -> None:
        problem = await telling
        if problem is not None:
            self.transcript.said("class:error", problem)
        elif done:
            self.transcript.said("class:note", done)
        self._app.invalidate()

    def _seen(self, event: Event | RetryNotice) -> None:
        if not isinstance(event, RetryNotice):
            self.transcript.take(event)
        self._app.invalidate()
