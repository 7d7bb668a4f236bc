"""Response bodies as classes, from which their JSON schemas are generated; a class's name is its schema's name.

Routes do not use these classes to build responses; tests validate the responses against the schemas, field by field.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from gateway.generation.state import State
from gateway.protocol.errors import Code
from gateway.protocol.events import Feedback, Metrics, Usage
from gateway.routing.breaker import Circuit

GenerationId = Annotated[str, Field(pattern=r"^g_[A-Za-z0-9_-]{22}$", examples=["g_4wOoy5yLm2fBqLQtCv7VfA"])]
FeedbackId = Annotated[str, Field(pattern=r"^f_[A-Za-z0-9_-]{22}$")]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Problem:
    """An error. `message` is for people, `param` names the field to change, `retryable`: a retry may succeed."""

    code: Code
    message: str
    retryable: bool
    retry_after_ms: Count | None
    param: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request: nothing was started or changed."""

    error: Problem


@dataclass(frozen=True, slots=True)
class Urls:
    """URLs to read the events of a generation and to command it, relative to the gateway."""

    events: str
    poll: str
    socket: str
    interrupt: str
    feedback: str


@dataclass(frozen=True, slots=True)
class Started:
    """A generation that was started, or found by its idempotency key.

    `ticket` reads its events; it is present only if the gateway requires keys.
    """

    id: GenerationId
    state: State
    urls: Urls
    ticket: str


@dataclass(frozen=True, slots=True)
class RunningGeneration:
    """A generation that has not ended. `created` is in seconds since 1970."""

    id: GenerationId
    state: State
    model: str
    created: int


@dataclass(frozen=True, slots=True)
class RunningGenerations:
    """The generations that run and that the client may read, newest first."""

    generations: list[RunningGeneration]


@dataclass(frozen=True, slots=True)
class AttemptFigures:
    """One upstream call.

    `ended`: `answered`, `lost` (against another hedged call), `cancelled`, an error code, or null while it runs.
    `start_ms` is from the start of the generation to the call; the others are from the call to the headers of its
    response, to its first content, and to its end. Null: it has not come to that.
    """

    attempt: int
    revision: int
    provider: str
    upstream_model: str
    ended: str | None
    usage: Usage | None
    cost_usd: float | None
    start_ms: float | None
    open_ms: float | None
    first_content_ms: float | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class End:
    """How a generation ended; fields that its `type` does not use are null."""

    type: Literal["complete", "interrupted", "error"]
    finish_reason: str | None
    by: str | None
    reason: str | None
    code: Code | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of a generation and its text so far; `position` is where to resume reading."""

    id: GenerationId
    state: State
    model: str
    provider: str | None
    revision: int
    seq: Annotated[int, Field(ge=1)]
    position: str
    text: str
    usage: Usage | None
    cost_usd: float | None
    metrics: Metrics
    feedback: list[Feedback]
    metadata: dict[str, str]
    attempts: list[AttemptFigures]
    end: End | None


@dataclass(frozen=True, slots=True)
class Interrupting:
    """An accepted interrupt; the event `interrupted` follows once the upstream call is cancelled."""

    id: GenerationId
    state: State
    seq: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class FeedbackTaken:
    """Accepted feedback."""

    feedback_id: FeedbackId
    state: State


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket, and until when it can be used, in ISO 8601."""

    ticket: str
    expires_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]


@dataclass(frozen=True, slots=True)
class ModelsServed:
    """The available models; if `default` is null, a start must name a model.

    With `any_model`, the list is empty and the upstream decides which names it serves.
    """

    models: list[str]
    default: str | None
    any_model: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """Estimated savings by interrupts. `unknown` counts interrupts without an estimate."""

    interrupts: Count
    unknown: Count
    tokens_estimated: Count
    cost_usd_estimated: float


@dataclass(frozen=True, slots=True)
class UpstreamFigures:
    """Statistics of an upstream: `models` call it, and the counts are of all their calls.

    `model` is null if there are several, or any name may be requested; `upstream_model` then, if it is the requested
    name. `ttft_ms`: moving mean time to first token, null before any content.
    """

    model: str | None
    models: list[str]
    provider: str
    upstream_model: str | None
    running: Count
    calls: Count
    failed: Count
    circuit: Circuit
    ttft_ms: float | None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The store that gateways share. `unwritten` generations have something that it lacks, for now or while it is down.

    `fault` is why it can't be used, and `down_seconds` since when; `outages` counts how often. `gateways` are
    those that were alive when it was used last. `gateway` is the name of this one in the logs of the others.
    """

    gateway: str
    up: bool
    fault: Literal["unreachable", "timeout", "full", "read_only", "refused"] | None
    down_seconds: float | None
    outages: Count
    gateways: Count
    unwritten: Count


@dataclass(frozen=True, slots=True)
class Stats:
    """Current load, and totals since the gateway started. `refused` counts refused starts by code."""

    running: Count
    active: Count
    queued: Count
    viewers: Count
    held: Count
    max_concurrent: Count
    max_queue: Count
    started: Count
    complete: Count
    interrupted: Count
    error: Count
    cost_usd: float
    saved_by_interrupts: Saved
    upstreams: list[UpstreamFigures]
    refused: dict[str, int]
    draining: bool
    stored_responses: Count
    stored_bytes: Count
    store: StoreFigures | None


@dataclass(frozen=True, slots=True)
class Health:
    """The gateway is alive; `uptime` in seconds, `timestamp` in ISO 8601."""

    status: Literal["healthy"]
    timestamp: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    uptime: float


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether the gateway accepts starts."""

    status: Literal["ready", "ready without its store", "draining", "store unavailable"]
