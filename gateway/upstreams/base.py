"""What the pipeline asks of a provider, whatever its wire format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.events import Content, TextBatch, Usage
from gateway.upstreams.sanitize import sanitize_token


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One call: the model by its upstream name, the messages, the options in the OpenAI spelling.

    `continues`: the last message is the assistant's, to be gone on with, not answered.
    """

    model: str
    messages: Sequence[Message]
    options: JsonObject
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The provider's own end mark; `reason` None if it ended without one, `other` if that is no word."""

    reason: str | None

    def __post_init__(self) -> None:
        # Clients read it, and nobody cuts it short: whatever a provider sends, it holds a word.
        if self.reason is not None:
            object.__setattr__(self, "reason", sanitize_token(self.reason))


UpstreamEvent = Content | TextBatch | Usage | Finished


class UpstreamResponse(Protocol):
    """An answer whose headers have come. Whoever has one must `close` it."""

    model: str

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        """Call `take` with what each read from the socket brings, at once; return at the provider's own end mark.

        Call it once. What `take` raises ends the stream and is raised here.

        Raises:
            Failed: `truncated` without that mark, `upstream_protocol`, `network_error`, or what the provider says in
                its stream.
        """
        ...

    def stop(self) -> None:
        """Have `stream` return as soon as it can, whatever is still to come."""
        ...

    async def close(self) -> None:
        """Close the connection at once, drained or not.

        Returns when the socket is really closed, or given back whole for the next call.
        """
        ...


class Upstream(Protocol):
    """A provider. `name` is what `start` shows a client."""

    name: str

    def can_continue(self, call: UpstreamRequest) -> bool:
        """Tell whether a call whose last message is the assistant's can be continued natively."""
        ...

    async def open(self, call: UpstreamRequest) -> UpstreamResponse:
        """Call it and wait for the headers. Cancelled, or failing, it leaves nothing open.

        Raises:
            Failed: when it can't be reached or refuses.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
