"""What routes answer with, as classes that schemas are made of.

Routes build their answers themselves: tests hold these against the classes, field by field.
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
    """What is wrong. `message` is for people, `param` names the field to change, `retryable`: it may work later."""

    code: Code
    message: str
    retryable: bool
    retry_after_ms: Count | None
    param: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not carried out; nothing was started or changed."""

    error: Problem


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the events of a generation are read, and where it is commanded. Relative to the gateway."""

    events: str
    socket: str
    interrupt: str
    feedback: str


@dataclass(frozen=True, slots=True)
class Started:
    """A generation that was started, or found by its idempotency key. `ticket`, with keys alone, reads its events."""

    id: GenerationId
    state: State
    urls: Urls
    ticket: str


@dataclass(frozen=True, slots=True)
class AttemptFigures:
    """One upstream call. `ended`: `answered`, `lost` (a race), `cancelled`, a code, or null while it runs."""

    attempt: int
    revision: int
    provider: str
    upstream_model: str
    ended: str | None
    usage: Usage | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class End:
    """How a generation ended; what does not belong to its type is null."""

    type: Literal["complete", "interrupted", "error"]
    finish_reason: str | None
    by: str | None
    reason: str | None
    code: Code | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a generation is and what came of it so far; `position` is where to read on from."""

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
    """An interrupt that was taken; `interrupted` follows when the upstream is closed."""

    id: GenerationId
    state: State
    seq: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class FeedbackTaken:
    """Feedback that was taken."""

    feedback_id: FeedbackId
    state: State


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket and when it ends if it is not used, ISO 8601."""

    ticket: str
    expires_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]


@dataclass(frozen=True, slots=True)
class ModelsServed:
    """What may be asked for. An empty list means any; without a default, a start names one."""

    models: list[str]
    default: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """A model or an alias, in OpenAI's form. `created` is when the gateway started, in seconds since 1970."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models and their aliases, in OpenAI's form."""

    object: Literal["list"]
    data: list[Model]


@dataclass(frozen=True, slots=True)
class OpenAIProblem:
    """What is wrong, in OpenAI's form."""

    message: str
    type: Literal["invalid_request_error"]
    param: Literal["model"]
    code: Code


@dataclass(frozen=True, slots=True)
class OpenAIRefusal:
    """A model that there is not, as OpenAI's clients expect to be told."""

    error: OpenAIProblem


@dataclass(frozen=True, slots=True)
class Saved:
    """What interrupts saved, estimated. `unknown` counts those of which nothing can be said."""

    interrupts: Count
    unknown: Count
    tokens_estimated: Count
    cost_usd_estimated: float


@dataclass(frozen=True, slots=True)
class UpstreamFigures:
    """How an upstream of a model does; `ttft_ms` is a moving mean, null before any content."""

    model: str
    provider: str
    upstream_model: str
    running: Count
    calls: Count
    failed: Count
    circuit: Circuit
    ttft_ms: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """What runs and waits now, and what happened since the start; `refused` counts refusals of starts by code."""

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


@dataclass(frozen=True, slots=True)
class Health:
    """The gateway is alive; `uptime` in seconds, `timestamp` in ISO 8601."""

    status: Literal["healthy"]
    timestamp: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    uptime: float


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether the gateway takes starts."""

    status: Literal["ready", "draining"]
