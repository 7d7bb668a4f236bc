"""What `dualstream chat` is told by its command line."""

from dataclasses import dataclass, field

from gateway.client import TransportName


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Where to talk, and how. With a `prompt` it is one question, its answer, and the exit."""

    url: str
    transport: TransportName = "sse"
    model: str | None = None
    system: str | None = None
    prompt: str | None = None
    token: str | None = field(default=None, repr=False)
