"""What a typed line means. Pure."""

from dataclasses import dataclass
from typing import Literal

from gateway.client import TransportName

HELP = """\
Type a question and press Enter. While an answer streams, a line is feedback: the answer begins anew with it in mind.
/note TEXT         record a remark on the answer
/good, /bad        rate the answer
/stop              stop the answer (so does Ctrl-C)
/transport sse|ws  go on over the other transport, also in the middle of an answer
/help              this
/quit              leave (so do Ctrl-D, and Ctrl-C twice)
//TEXT             a question or feedback that begins with a slash"""


@dataclass(frozen=True, slots=True)
class Say:
    """A question, or feedback if an answer is running."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A remark or a rating, to be recorded."""

    text: str | None = None
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """Go on over this transport."""

    transport: TransportName


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """Something without more to say."""

    name: Literal["stop", "help", "quit"]


@dataclass(frozen=True, slots=True)
class InvalidInput:
    """A line that means nothing; `message` says what would."""

    message: str


Input = Say | Note | Switch | SlashCommand | InvalidInput


_ALONE: dict[str, Input] = {
    "/good": Note(rating=1),
    "/bad": Note(rating=-1),
    "/note": InvalidInput("/note needs a text: /note the second paragraph is wrong"),
    "/stop": SlashCommand("stop"),
    "/help": SlashCommand("help"),
    "/quit": SlashCommand("quit"),
    "/exit": SlashCommand("quit"),
    "/transport sse": Switch("sse"),
    "/transport ws": Switch("ws"),
    "/transport websocket": Switch("ws"),
}


def parse(line: str) -> Input | None:
    """Say what a line means; None for an empty one."""
    line = line.strip()
    if not line:
        return None
    if line.startswith("//"):
        return Say(line.removeprefix("/"))
    if not line.startswith("/"):
        return Say(line)
    word, *rest = line.split(maxsplit=1)
    alone = _ALONE.get(" ".join([word, *rest]))
    if alone is None and word == "/note":
        return Note(text=rest[0])
    if alone is None and word == "/transport":
        return InvalidInput("/transport is followed by sse or ws")
    return alone or InvalidInput(
        f"{line} is no command: /help lists them; //{line.removeprefix('/')} says it to the model"
    )
