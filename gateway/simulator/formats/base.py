"""What the simulator requires of a provider's format: parse a request, encode a response. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Script

COMMENT: Final = b": ping\n\n"
"""A comment of text/event-stream, which clients ignore."""

OVERSIZED_TEXT: Final = "x" * (4 * 1024 * 1024)
"""Text of the line that the fault `hugeline` sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedResponse:
    """One response: its script, and what identifies it. `created` is in Unix seconds."""

    script: Script
    id: str
    created: int
    model: str
    with_usage: bool = True

    @property
    def key(self) -> str:
        """Return the id without its prefix, for the ids of parts of the response."""
        return self.id.rpartition("_")[2]

    @property
    def signature(self) -> str:
        """Return the signature of the reasoning: opaque to the client, which sends it back unchanged."""
        return f"c2ltdWxhdGVk{self.script.seed & 0xFFFFFFFF:08x}"


class StreamEncoder(Protocol):
    """Encoder of one stream. Its methods are called in the order of the stream, and return one event or a few each.

    Empty bytes are not sent: not every format has an event for each step.
    """

    def start(self) -> bytes:
        """Return what precedes the first delta."""
        ...

    def delta(self, delta: Delta) -> bytes:
        """Return the event of one delta, with the events that open and close parts of the response around it."""
        ...

    def finish(self) -> Iterable[bytes]:
        """Yield the events that end the response: the finish reason and the usage."""
        ...

    def done(self) -> bytes:
        """Return the end marker without data, if the format has one."""
        ...

    def error(self, error: RequestError) -> bytes:
        """Return an error within the stream."""
        ...

    def keepalive(self) -> bytes:
        """Return an event without content, as the provider sends it to keep a connection alive."""
        ...

    def malformed(self) -> bytes:
        """Return a data line that ends inside of its JSON."""
        ...

    def oversized(self) -> bytes:
        """Return one valid line of several MiB."""
        ...


class ProviderFormat(Protocol):
    """A wire format as its provider documents it."""

    prefix: str
    """Prefix of the ids of its responses."""

    def parse_request(self, body: bytes, headers: Mapping[str, str], parameters: Mapping[str, str]) -> Request:
        """Parse a request; `parameters` are those of its path and its query.

        Raises:
            RequestError: 400, with the field that is not valid.

        """
        ...

    def stream_encoder(self, response: ScriptedResponse) -> StreamEncoder:
        """Return an encoder of a response as a stream."""
        ...

    def encode_response(self, response: ScriptedResponse) -> bytes:
        """Encode a response as one JSON object."""
        ...

    def encode_error(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Encode an error as a JSON object and headers."""
        ...


def named_event(name: str, data: object) -> bytes:
    """Encode an event with a line for its name, as Anthropic and OpenAI's Responses send it."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def retry_after(error: RequestError) -> dict[str, str]:
    """Return the header Retry-After, if the error has a wait."""
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
