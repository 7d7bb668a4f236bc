"""What a generation's log holds: one frozen class for each event of the protocol.

Their names, fields and meanings are those of docs/protocol.md. Positions and sequence numbers are the log's, not the
event's: an event says what happened, the log says when in the order.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Literal

import orjson

Mode = Literal["revise", "stop", "note"]
InterruptedBy = Literal["client", "feedback", "disconnect", "limit", "shutdown"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a generation; unknown is None, never 0. `exact` when the provider itself counted them.

    `cached_input_tokens` are part of `input_tokens`, `reasoning_tokens` of `output_tokens`.
    """

    input_tokens: int | None
    output_tokens: int | None
    source: Literal["exact", "estimated"]
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a generation took, known at its end. Times in milliseconds.

    `bytes` counts the content in UTF-8.
    """

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
    """Always the first event, before any upstream is called: a client can resume from here on."""

    type: ClassVar[str] = "accepted"
    generation_id: str
    request_id: str
    model: str


@dataclass(frozen=True, slots=True)
class Queued:
    """The generation waits for a slot; repeated as it moves. `position` 1 is next; `eta_ms` None is unknown."""

    type: ClassVar[str] = "queued"
    position: int
    eta_ms: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """An upstream accepted the call."""

    type: ClassVar[str] = "start"
    provider: str
    upstream_model: str
    attempt: int
    revision: int


@dataclass(frozen=True, slots=True)
class Retry:
    """An attempt failed before its first content, or failover goes on from one that did after it; another follows.

    After `delay_ms`. Where text was there already, `start` goes on with it, or a `revision` begins it anew.
    """

    type: ClassVar[str] = "retry"
    attempt: int
    delay_ms: int
    code: str
    provider: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the answer's text."""

    type: ClassVar[str] = "chunk"
    content: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's thinking."""

    type: ClassVar[str] = "reasoning"
    content: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool-call delta: `id` and `name` come with a call's first delta, `arguments` are pieces to be joined."""

    type: ClassVar[str] = "tool_call"
    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """A client's feedback was taken."""

    type: ClassVar[str] = "feedback"
    feedback_id: str
    mode: Mode
    text: str | None
    rating: int | None


@dataclass(frozen=True, slots=True)
class Revision:
    """A new text begins: the running attempt was cancelled by feedback, or it died and can't be continued elsewhere.

    `cancel_ms`: feedback read → upstream closed. It and `feedback_id` are None with the reason `failover`.
    """

    type: ClassVar[str] = "revision"
    revision: int
    feedback_id: str | None
    cancel_ms: float | None
    reason: Literal["feedback", "failover"] = "feedback"


@dataclass(frozen=True, slots=True)
class Gap:
    """The asked position is no longer held: the whole text so far. Made for one viewer, never appended to a log.

    The log in memory holds every position to its end, so it never needs one; clients must know it all the same.
    """

    type: ClassVar[str] = "gap"
    from_seq: int
    to_seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Terminal: the provider ended the answer itself."""

    type: ClassVar[str] = "complete"
    finish_reason: str | None
    usage: Usage
    cost_usd: float | None
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Terminal: somebody stopped it. `cancel_ms`: command read → upstream closed."""

    type: ClassVar[str] = "interrupted"
    by: InterruptedBy
    reason: str | None
    cancel_ms: float
    usage: Usage
    cost_usd: float | None
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Error:
    """Terminal: it failed. `partial` when text had come before; `retryable` when the same start may work later."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    retryable: bool
    retry_after_ms: int | None
    partial: bool
    usage: Usage | None
    cost_usd: float | None
    metrics: Metrics | None


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Text events of one kind that came together, joined. `ends`: where each of them ends, in characters."""

    text: Chunk | Reasoning
    ends: Sequence[int]


Text = Chunk | Reasoning
Content = Text | ToolCall
Terminal = Complete | Interrupted | Error
Event = Accepted | Queued | Start | Retry | Content | Feedback | Revision | Gap | Terminal

TERMINAL = frozenset({Complete, Interrupted, Error})
TEXT_HEAD: dict[type[Event], bytes] = {
    Chunk: b'{"type":"chunk","content":',
    Reasoning: b'{"type":"reasoning","content":',
}
"""How a text event's JSON object begins; its content and `}` follow."""


def encode(event: Event) -> bytes:
    """Encode an event as the compact JSON object that every transport sends: `type` first, then its fields."""
    if isinstance(event, Chunk | Reasoning):
        return b"%b%b}" % (TEXT_HEAD[type(event)], orjson.dumps(event.content))
    if isinstance(event, Gap):
        fields = orjson.dumps({"from": event.from_seq, "to": event.to_seq, "text": event.text})
    else:
        fields = orjson.dumps(event)
    return b'{"type":"%b",%b' % (event.type.encode(), fields[1:])


def run_of(kind: type[Text], pieces: Sequence[str]) -> TextBatch:
    """Join pieces of text that came together."""
    return TextBatch(kind("".join(pieces)), array("I", accumulate(map(len, pieces))))
