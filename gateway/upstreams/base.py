"""The interface between the pipeline and an upstream, independent of the wire format."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeGuard

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.events import Content, TextBatch, Usage, Verbatim
from gateway.upstreams.sanitize import sanitize_token
from gateway.upstreams.text_template import ChunkLayout

DEFAULT_EVENT_BYTES = 48 << 20
"""Default of `max_event_bytes`, the maximum size of one event in a response: a large image comes as one event."""

DEFAULT_OUTPUT_BYTES = 64 << 20
"""Default of `max_output_bytes`, the maximum size of the content of one generation: its text, and a large image."""

MAX_EVENT_BYTES = 64 << 20
"""Largest value of `max_event_bytes`: our own clients accept frames up to a little more."""


@dataclass(frozen=True, slots=True)
class VerbatimRequest:
    """A client's request as it came, for providers that speak the client's own API: `api` is its name in the settings.

    `headers` are those that belong to the API, such as `anthropic-beta`; no credential is among them.
    """

    api: str
    body: JsonObject
    headers: Mapping[str, str]
    only: str = ""
    """What a provider with another API is refused with: the request asks for what only its own API has."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request: the model's name at the upstream, the messages, and the options in OpenAI's chat format.

    With `continues`, the last message is a partial answer of the assistant, and the model is to write its continuation.
    `verbatim` is the same request as the client sent it: a provider with that API gets it in place of the messages, and
    what it responds is passed on as `Verbatim`, too. `added` are the last of the messages, if they came after it:
    feedback with the text that it is about, or a partial answer. Then another response is begun already, and what the
    provider responds can't be passed on as it came.
    """

    model: str
    messages: Sequence[Message]
    options: JsonObject
    continues: bool = False
    verbatim: VerbatimRequest | None = None
    added: Sequence[Message] = ()
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers by which the provider joins a trace (W3C Trace Context)."""

    def verbatim_for(self, api: str) -> VerbatimRequest | None:
        """Return the request as the client sent it, if it is one of this API."""
        return self.verbatim if self.verbatim is not None and self.verbatim.api == api else None

    def message_objects(self) -> list[JsonObject]:
        """Return the messages as JSON objects. Those that are kept encoded need not become messages for it."""
        if _is_encoded(self.messages):
            return self.messages.objects()
        return [message.model_dump(exclude_unset=True) for message in self.messages]

    def added_turns(self) -> list[JsonValue]:
        """Return `added` as chat completions, Messages and Responses all read it: a role and a text."""
        texts = ((message.role, message.content) for message in self.added)
        return [{"role": role, "content": text} for role, text in texts if isinstance(text, str)]

    def passes_on(self, api: str) -> bool:
        """Return True if what a provider with this API responds is passed on as it came."""
        return self.verbatim is not None and self.verbatim.api == api and not self.added


class EncodedMessages(Protocol):
    """Messages that are kept as JSON (`Prompt`)."""

    def objects(self) -> list[JsonObject]:
        """Return the messages as JSON objects."""
        ...


def _is_encoded(messages: object) -> TypeGuard[EncodedMessages]:
    # Not by `isinstance`, which reads the members of a protocol each time.
    return hasattr(messages, "objects")


@dataclass(frozen=True, slots=True)
class Finished:
    """The provider's end mark. `reason` is its finish reason, or None if it sent none.

    A reason that is not a plain token (`sanitize_token`) becomes `other`. `response` is what else the provider says of
    its response (`response_facts`).
    """

    reason: str | None
    response: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # It reaches clients in `complete`, with no bound on its length: a provider must not send text through it.
        if self.reason is not None:
            object.__setattr__(self, "reason", sanitize_token(self.reason))


UpstreamEvent = Content | TextBatch | Verbatim | Usage | Finished


class Reads(Protocol):
    """A connection to a provider, as it is measured."""

    @property
    def read_at(self) -> float:
        """Return when its socket was read last, in seconds of the system's clock (`SystemClock`); 0: not known."""
        ...


@dataclass(frozen=True, slots=True)
class _NeverRead:
    read_at: float = 0.0


NEVER_READ: Final[Reads] = _NeverRead()
"""What is known of a connection that was not read, or does not tell."""


class FastPath(Protocol):
    """Takes reads of the socket that need no parser."""

    def learn(self, layout: ChunkLayout | None) -> None:
        """Set what the next read may look like; called after each read that was not taken. None: not known."""
        ...

    def read(self, data: bytes) -> bool:
        """Handle a read as a whole; return False, with nothing changed, if it must be parsed."""
        ...


class UpstreamResponse(Protocol):
    """A response whose headers have arrived. The caller must `close` it."""

    model: str
    reads: Reads
    is_done: bool
    """The end of the response has been read: nothing follows what `on_events` is called with."""

    def stream(self, on_events: Callable[[Sequence[UpstreamEvent]], None]) -> Awaitable[None]:
        """Call `on_events` with the events of each read from the socket, until the provider's end mark.

        `on_events` runs in the callback of the read itself, so no task is woken for a chunk. An exception that it
        raises ends the stream and is raised here. Call this method once.

        Raises:
            Failed: `truncated` if the stream ends without the end mark, `upstream_protocol`, `network_error`, or the
                code of an error that the provider sends in its stream.
        """
        ...

    def use_fast_path(self, fast_path: FastPath) -> None:
        """Pass further reads to a fast path first, as far as this response can."""
        ...

    def stop(self) -> None:
        """End `stream`, and close the connection as soon as possible, without the rest of the response."""
        ...

    def complete(self) -> None:
        """End `stream` after the provider's end mark, as if the body had ended."""
        ...

    async def close(self) -> None:
        """Close the connection at once, or return it to the pool if the response has been read to its end.

        Returns when the socket is closed, or when the connection is ready for the next request.
        """
        ...


class Upstream(Protocol):
    """A configured endpoint of a provider. Clients see `name` in `start` events."""

    name: str

    def can_continue(self, request: UpstreamRequest) -> bool:
        """Return True if the model can continue a last message of the assistant, in place of answering it."""
        ...

    async def open(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request and wait for the response headers. If it is cancelled or fails, it leaves nothing open.

        Raises:
            Failed: the provider can't be reached, or refuses the request.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
