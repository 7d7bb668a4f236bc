"""What a wire format is to the simulator: how a request is read, and how a script is spelled. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Script

COMMENT: Final = b": ping\n\n"

HUGE: Final = "x" * (4 * 1024 * 1024)
"""The text in the huge line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: what it says, its id, when it was made (seconds since 1970), the model, whether usage is told."""

    script: Script
    id: str
    created: int
    model: str
    with_usage: bool = True

    @property
    def key(self) -> str:
        """The id without its prefix, for the ids of what is in the answer."""
        return self.id.rpartition("_")[2]

    @property
    def signature(self) -> str:
        """What a provider signs its reasoning with: the client can't read it and gives it back as it is."""
        return f"c2ltdWxhdGVk{self.script.seed & 0xFFFFFFFF:08x}"


class Frames(Protocol):
    """The frames of one stream, asked for in the order in which they go out; a frame is one event or a few.

    One that is empty does not go out: not every format has something to say of each step.
    """

    def start(self) -> bytes:
        """Give what comes before the first delta."""
        ...

    def delta(self, delta: Delta) -> bytes:
        """Give the frame of one delta, with what opens and closes parts of the answer around it."""
        ...

    def finish(self) -> Iterable[bytes]:
        """Give the frames that end the answer: why, and the usage."""
        ...

    def done(self) -> bytes:
        """Give the end mark that carries nothing, if the format has one."""
        ...

    def error(self, error: RequestError) -> bytes:
        """Give an error within the stream."""
        ...

    def nothing(self) -> bytes:
        """Give a sign of life that says nothing."""
        ...

    def garbage(self) -> bytes:
        """Give a data line that is cut off inside its JSON."""
        ...

    def huge(self) -> bytes:
        """Give one line of several MiB, in itself valid."""
        ...


class Wire(Protocol):
    """A wire format, as its provider documents it."""

    prefix: str
    """What the ids of its answers begin with."""

    def read(self, body: bytes, headers: Mapping[str, str], place: Mapping[str, str]) -> Request:
        """Read a request; `place` is what its path and its query say.

        Raises:
            RequestError: 400, naming the field at fault.

        """
        ...

    def frames(self, answer: Answer) -> Frames:
        """Spell an answer as a stream."""
        ...

    def whole(self, answer: Answer) -> bytes:
        """Spell an answer as one JSON object."""
        ...

    def refusal(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Spell an error as a JSON object and headers."""
        ...


def event(name: str, data: object) -> bytes:
    """Give an event with its name on a line of its own, as Anthropic and OpenAI's Responses have it."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def retry_after(error: RequestError) -> dict[str, str]:
    """Give the header that says how long to wait, if the error does."""
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
