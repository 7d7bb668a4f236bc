"""What a wire format is: how requests are written, and how streamed events are read. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from pydantic import SecretStr

from gateway.protocol.commands import JsonObject
from gateway.upstreams.base import UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint

DONE: Final = b"[DONE]"
"""Data of the last event of a stream of chat completions, which some servers add to streams of other APIs."""


class EventReader(Protocol):
    """Reads the events of one response, and keeps the state that reaches from one event to the next."""

    api_key: SecretStr | None
    """An error message that contains it is not quoted."""

    finished: bool
    """The provider's end mark has been read, and `Finished` was appended: the answer is complete.

    From here on no fault counts: neither an error event, nor malformed data, nor a lost connection. Before, the end of
    the body means that the answer is truncated. Usage figures may still follow; so may content, which takes the mark
    back: then this is False again.
    """

    done: bool
    """The last event of the stream has been read: nothing follows, and the end of the body need not be awaited.

    It may come with `finished`, after it (`finish_reason`, then usage, then `[DONE]`), or never (Gemini).
    """

    @property
    def is_stateless(self) -> bool:
        """Return True if the meaning of the next event depends on no earlier one.

        Only then may `TextTemplate` read it in place of this reader. False after the end mark, and while half of a
        surrogate pair is pending.
        """
        ...

    def new(self) -> "EventReader":
        """Return a reader that has read nothing."""
        ...

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """Decode the data of one event and append what it contains to `events`.

        Raises:
            Failed: `upstream_protocol` if it can't be read, or the provider's own error.
        """
        ...

    def end(self) -> list[UpstreamEvent]:
        """Return what the end of the body adds. Called unless the reader is `done`.

        Raises:
            Failed: `truncated` if the answer can't end here; never after the end mark.
        """
        ...


class WireFormat(Protocol):
    """A wire format: a JSON body sent by POST, answered with text/event-stream."""

    api: str
    """Name of the API in the settings, and that of a `VerbatimRequest` that it is sent as it came."""

    def endpoint(self, request: UpstreamRequest) -> Endpoint:
        """Return the address of the request, below the base URL."""
        ...

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Return the headers that carry the key, and any others that the provider requires."""
        ...

    def body(self, request: UpstreamRequest) -> JsonObject:
        """Convert a request, whose messages and options are in OpenAI's chat format, to the body of this format.

        Raises:
            UnsupportedOption: `invalid_request`, naming what this format can't express.
        """
        ...

    def can_continue(self, request: UpstreamRequest) -> bool:
        """Return True if the model can continue a last message of the assistant, in place of answering it."""
        ...

    def reader(self, api_key: SecretStr | None) -> EventReader:
        """Return a reader for one response; an error message that contains the key is not quoted."""
        ...


@runtime_checkable
class AdaptableFormat(WireFormat, Protocol):
    """A wire format that can do without some of its fields; see `refused_fields.py`."""

    def without(self, field: str) -> WireFormat:
        """Return the format without a field of the body that a server refused."""
        ...


TokenLimit = Literal["by_model", "max_tokens", "max_completion_tokens"]
"""Name under which `max_tokens` is sent; `by_model`: the one that the model's name calls for."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a server differs from most servers with OpenAI's chat API.

    `token_limit` is its name of `max_tokens`; `by_model`: OpenAI's reasoning models take `max_completion_tokens`.
    Without `developer_role`, messages of that role are sent as `system`.
    `continuation` is how it continues a partial answer: not at all, from a last message of the assistant as it is
    (`last_message`), by a mark on that message (`prefix`), or by a field of the body (`continue_final_message`).
    Without `reasoning_effort`, that option is not sent: the model does not reason.
    Without `stream_options`, that field is not sent: its usage is then what the server sends by itself.
    `tool_ids` is what it allows as the id of a tool call: anything, up to 40 characters, or 9 letters and digits.
    `reasoning` is the field of a message in which it takes earlier reasoning: one field, to which every form is
    converted, none, or `reasoning` and `reasoning_content` as the client sent them (`as_sent`).
    `tool_signatures`: the thought signatures of tool calls are sent if the client gives them (`as_sent`), never
    (`none`), or always, with Google's stand-in for a missing one (`google`).
    `key_header` is the header that carries the key: `Authorization: Bearer …`, or `api-key`.
    """

    token_limit: TokenLimit = "by_model"  # noqa: S105 - a field's name
    developer_role: bool = True
    continuation: Literal["none", "last_message", "prefix", "continue_final_message"] = "none"
    stream_options: bool = True
    reasoning_effort: bool = True
    tool_ids: Literal["any", "40_characters", "9_alphanumerics"] = "any"
    reasoning: Literal["as_sent", "none", "reasoning_content", "reasoning_details", "thinking_blocks"] = "as_sent"
    tool_signatures: Literal["as_sent", "none", "google"] = "as_sent"
    key_header: Literal["authorization", "api-key"] = "authorization"
