"""Settings of `dualstream chat`, from its command line."""

from dataclasses import dataclass, field

from gateway.client import TransportName


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Gateway, transport and model of a chat. With a `prompt`, it ends after one question and its answer."""

    url: str
    transport: TransportName = "sse"
    model: str | None = None
    system: str | None = None
    prompt: str | None = None
    token: str | None = field(default=None, repr=False)
