"""Events of a generation's log: one frozen class for each event type of the protocol.

Names, fields and meanings are those of docs/reference/protocol.md. An event holds no position and no sequence number:
the log assigns them.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self, TypeAlias, final

import orjson

from gateway.protocol.encoding import encode_kept

if TYPE_CHECKING:
    JsonValue: TypeAlias = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None
else:
    # pydantic has this type, too. Importing it would be most of the time that `import dualstream` takes.
    JsonValue = object

Mode = Literal["revise", "stop", "note"]
InterruptedBy = Literal["client", "feedback", "disconnect", "limit", "shutdown"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of a generation. Unknown is None, never 0. `source` is `exact` if the provider counted the tokens.

    `cached_input_tokens` (read from the provider's cache) and `cache_write_tokens` (written to it) are part of
    `input_tokens`, `reasoning_tokens` of `output_tokens`, `cache_write_1h_tokens` (kept there for an hour) of
    `cache_write_tokens`.
    """

    input_tokens: int | None
    output_tokens: int | None
    source: Literal["exact", "estimated"]
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Measurements of a generation, known at its end. Times are in ms; `bytes` is the size of the content in UTF-8."""

    request_id: str
    ttft_ms: float | None
    duration_ms: float
    queue_ms: float
    chunks: int
    chars: int
    bytes: int
    chars_per_s: float | None
    attempts: int
    revisions: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Always the first event, before any upstream is called. A client can resume from this position on."""

    type: ClassVar[Literal["accepted"]] = "accepted"
    generation_id: str
    request_id: str
    model: str


@dataclass(frozen=True, slots=True)
class Queued:
    """The generation waits for a slot; repeated when it moves up. `position` 1 is next; `eta_ms` None: unknown."""

    type: ClassVar[Literal["queued"]] = "queued"
    position: int
    eta_ms: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """An upstream accepted the call."""

    type: ClassVar[Literal["start"]] = "start"
    provider: str
    upstream_model: str
    attempt: int
    revision: int


@dataclass(frozen=True, slots=True)
class Retry:
    """An attempt failed, and another follows after `delay_ms`.

    It failed before its first content, or after it with failover enabled. In the second case, the next attempt either
    continues the text (`start` follows) or replaces it (`revision` follows).
    """

    type: ClassVar[Literal["retry"]] = "retry"
    attempt: int
    delay_ms: int
    code: str
    provider: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the answer's text."""

    type: ClassVar[Literal["chunk"]] = "chunk"
    content: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's reasoning."""

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    content: str


@dataclass(frozen=True, slots=True)
class SignedReasoning:
    """The provider's signature of the reasoning text before it: opaque, to be given back with that text.

    Its `type` is that of `Reasoning`. It is a class of its own because it is never joined with the text around it.
    `format` is the wire format of the provider (`anthropic`, `gemini`, …): the signature means nothing to another.
    """

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    content: str
    signature: str
    format: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool-call delta. `id` and `name` come with a call's first delta; `arguments` are pieces to concatenate.

    `signature` is opaque, and to be given back with the call; without one, the JSON object has no such field.
    """

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    index: int
    id: str | None
    name: str | None
    arguments: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the answer that is not text: an image, a file, a citation, redacted reasoning, a server tool.

    Two kinds say more of text: `logprobs` of the piece that follows, `refusal` of all that follows.
    `fields` are those that its `kind` needs (docs/reference/protocol.md, "Parts"); they stand beside `kind` in the JSON
    object.
    """

    type: ClassVar[Literal["part"]] = "part"
    kind: str
    fields: Mapping[str, JsonValue]

    @property
    def size(self) -> int:
        """Return the bytes of its fields as JSON. Base64, which nothing escapes and which is large, is not encoded."""
        data = self.fields.get("data")
        if isinstance(data, str) and data.isascii():
            return len(data) + len(orjson.dumps({**self.fields, "data": ""}))
        return len(orjson.dumps(self.fields))


@final
class Verbatim(bytes):
    """The data of a provider's events as it came, for clients that speak the provider's own API.

    It stands before the content that was read from it. It holds one event in a line: line breaks, which JSON has only
    between its tokens, are replaced by spaces. Clients of this protocol never see it. These are bytes, and no object
    with a field, because one is made for each chunk.
    """

    __slots__ = ()
    type: ClassVar[Literal["verbatim"]] = "verbatim"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A client's feedback was accepted."""

    type: ClassVar[Literal["feedback"]] = "feedback"
    feedback_id: str
    mode: Mode
    text: str | None
    rating: int | None


@dataclass(frozen=True, slots=True)
class Revision:
    """The text starts over: feedback cancelled the running attempt, or the attempt failed and can't be continued.

    `cancel_ms`: from feedback read to upstream closed. It and `feedback_id` are None if the reason is `failover`.
    """

    type: ClassVar[Literal["revision"]] = "revision"
    revision: int
    feedback_id: str | None
    cancel_ms: float | None
    reason: Literal["feedback", "failover"] = "feedback"


@dataclass(frozen=True, slots=True)
class Gap:
    """The text so far, for one viewer whose requested position is no longer held. Never appended to a log.

    The log in memory holds every position, so it never needs this event. Clients must support it all the same.
    """

    type: ClassVar[Literal["gap"]] = "gap"
    from_seq: int
    to_seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Terminal: the provider completed the answer. `response` is what it says of its response, if anything."""

    type: ClassVar[Literal["complete"]] = "complete"
    finish_reason: str | None
    usage: Usage
    cost_usd: float | None
    metrics: Metrics
    response: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Terminal: the generation was stopped. `cancel_ms`: from command read to upstream closed."""

    type: ClassVar[Literal["interrupted"]] = "interrupted"
    by: InterruptedBy
    reason: str | None
    cancel_ms: float
    usage: Usage
    cost_usd: float | None
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Error:
    """Terminal: the generation failed. `partial`: text had been sent; `retryable`: the same start may succeed later."""

    type: ClassVar[Literal["error"]] = "error"
    code: str
    message: str
    retryable: bool
    retry_after_ms: int | None
    partial: bool
    usage: Usage | None
    cost_usd: float | None
    metrics: Metrics | None


@final
@dataclass(frozen=True, slots=True)
class TextBatch:
    """Consecutive text events of one kind from one read, joined. `ends`: where each of them ends, in characters."""

    text: Chunk | Reasoning
    ends: Sequence[int]

    @classmethod
    def of(cls, kind: type[Chunk | Reasoning], pieces: Sequence[str]) -> Self:
        """Join pieces of text into one event of `kind`."""
        return cls(kind("".join(pieces)), array("I", accumulate(map(len, pieces))))


Text = Chunk | Reasoning
Content = Text | SignedReasoning | ToolCall | Part
Terminal = Complete | Interrupted | Error
Event = Accepted | Queued | Start | Retry | Content | Feedback | Revision | Gap | Terminal


def is_delta(event: object) -> bool:
    """Return True for nothing but a piece of a tool call's arguments, which can be joined like text."""
    return isinstance(event, ToolCall) and event.id is None and event.name is None and event.signature is None


TERMINAL = frozenset({Complete, Interrupted, Error})
TEXT_PREFIX: dict[type[Event], bytes] = {
    Chunk: b'{"type":"chunk","content":',
    Reasoning: b'{"type":"reasoning","content":',
}
"""Start of a text event's JSON object, up to its content."""

_NO_SIGNATURE = b',"signature":null}'

_HEADS: Final[Mapping[type[Event], bytes]] = {
    kind: b'{"type":"%b",' % kind.type.encode()
    for kind in (Accepted, Queued, Start, Retry, SignedReasoning, Feedback, Revision, Complete, Interrupted, Error)
}
"""Start of the JSON object of an event whose fields are those of its class."""


def encode(event: Event) -> bytes:
    """Encode an event as the compact JSON object that every transport sends: `type` first, then its fields."""
    if type(event) is Chunk or type(event) is Reasoning:
        return b"%b%b}" % (TEXT_PREFIX[type(event)], orjson.dumps(event.content))
    head = _HEADS.get(type(event))
    if head is not None:
        return head + orjson.dumps(event)[1:]
    if isinstance(event, Gap):
        fields = orjson.dumps({"from": event.from_seq, "to": event.to_seq, "text": event.text})
    elif isinstance(event, Part):
        # In one step: an image is large, and each step would copy it.
        return encode_kept({"type": event.type, "kind": event.kind, **event.fields})
    elif isinstance(event, ToolCall) and event.signature is None:
        fields = orjson.dumps(event).removesuffix(_NO_SIGNATURE) + b"}"
    else:
        fields = orjson.dumps(event)
    return b'{"type":"%b",%b' % (event.type.encode(), fields[1:])
