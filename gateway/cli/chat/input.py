"""Parsing of typed lines: text for the model, and slash commands. Pure."""

from dataclasses import dataclass
from typing import Literal

from gateway.client import TransportName

HELP = """\
Type a question and press Enter. While an answer streams, a line is feedback: the answer starts again and follows it.
/note TEXT         record a note on the answer
/good, /bad        rate the answer
/stop              stop the answer (or press Ctrl-C)
/transport NAME    use another transport (sse, ws, poll), also in the middle of an answer
/help              show this help
/quit              quit (or press Ctrl-D, or Ctrl-C twice)
//TEXT             a question or feedback that begins with a slash"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question, or feedback if an answer is streaming."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A note or a rating to record."""

    text: str | None = None
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of transport."""

    transport: TransportName


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A command without arguments."""

    name: Literal["stop", "help", "quit"]


@dataclass(frozen=True, slots=True)
class InvalidInput:
    """A line that is not a valid command; `message` says what to type instead."""

    message: str


Input = Prompt | Note | Switch | SlashCommand | InvalidInput


_COMMANDS: dict[str, Input] = {
    "/good": Note(rating=1),
    "/bad": Note(rating=-1),
    "/note": InvalidInput("/note needs a text, for example: /note the second paragraph is wrong"),
    "/stop": SlashCommand("stop"),
    "/help": SlashCommand("help"),
    "/quit": SlashCommand("quit"),
    "/exit": SlashCommand("quit"),
    "/transport sse": Switch("sse"),
    "/transport ws": Switch("ws"),
    "/transport websocket": Switch("ws"),
    "/transport poll": Switch("poll"),
}
"""Complete lines, with one space between their words. A `/note` with a text is not among them."""


def parse(line: str) -> Input | None:
    """Parse a line; return None if it is empty."""
    line = line.strip()
    if not line:
        return None
    if line.startswith("//"):
        return Prompt(line.removeprefix("/"))
    if not line.startswith("/"):
        return Prompt(line)
    word, *rest = line.split(maxsplit=1)
    command = _COMMANDS.get(" ".join([word, *rest]))
    if command is None and word == "/note":
        return Note(text=rest[0])
    if command is None and word == "/transport":
        return InvalidInput("/transport needs sse or ws")
    return command or InvalidInput(
        f"{line} is not a command: /help lists the commands; //{line.removeprefix('/')} sends it to the model"
    )
