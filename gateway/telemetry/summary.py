"""All facts of a generation that has ended, of which its log line, metrics and row in the console are made. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from gateway.generation.attempt import Attempt
from gateway.generation.bill import COST_DIGITS
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.generation.state import State
from gateway.protocol.events import Complete, Error, Interrupted, Metrics, Revision, Usage


@dataclass(slots=True)
class AttemptSummary:
    """One call of a provider. Durations are milliseconds; `ended` is as in `Attempt`."""

    number: int
    revision: int
    provider: str
    vendor: str
    """The vendor whose models the provider serves."""
    upstream_model: str
    ended: str
    opened: bool
    usage: Usage | None
    cost_usd: float | None
    start_ms: float | None
    """From the start of the generation to the call."""
    open_ms: float | None
    """From the call to the headers of its response."""
    first_content_ms: float | None
    """From the call to its first content."""
    duration_ms: float | None
    """From the call to its end."""
    text_bytes: int


# Not `frozen`, nor are its attempts: each of so many fields would then be set by a call of `object.__setattr__`.
@dataclass(slots=True)
class GenerationSummary:
    """A generation from its start to its end; it is not changed. `ended_at` is in seconds since 1970."""

    id: str
    request_id: str
    principal: str
    source: StartSource
    model: str
    provider: str | None
    vendor: str
    """The vendor whose models the provider serves."""
    upstream_model: str
    end: State
    code: str | None
    """Of an error."""
    message: str | None
    """Of an error."""
    finish_reason: str | None
    """Of a complete answer."""
    interrupted_by: str | None
    reason: str | None
    """The reason that came with the interrupt."""
    cancel_ms: float | None
    """From the interrupt to the closed connection of the provider."""
    metrics: Metrics
    usage: Usage
    cost_usd: float | None
    """None: not known for one of the attempts."""
    attempts: Sequence[AttemptSummary]
    views: Mapping[str, int]
    """Number of viewers that have come, by transport."""
    resumes: int
    """Number of these viewers that had read a part before."""
    ended_at: float
    accepted_at: float
    """In seconds since 1970."""
    first_content_at: float | None
    """In seconds since 1970."""
    feedback: int
    """Number of feedbacks."""
    failovers: int
    """Number of texts that another provider began again, because the one before had failed."""


def summarize(
    generation: Generation, principal: str, *, views: Mapping[str, int], resumes: int, now: float, unix: float
) -> GenerationSummary:
    """Return the summary of a generation that has ended; `unix` is the time of `now` in seconds since 1970."""
    end, attempt, metrics = generation.end, generation.current_attempt, generation.metrics(now)
    accepted, _, first_content = generation.moments(unix - now)
    bill = generation.bill()
    # By its type: no class of an event has subclasses, and `isinstance` would be called six times.
    return GenerationSummary(
        id=generation.id,
        request_id=generation.request_id,
        principal=principal,
        source=generation.source,
        model=generation.model,
        provider=generation.provider,
        vendor="" if attempt is None else attempt.vendor,
        upstream_model="" if attempt is None else attempt.upstream_model,
        end=generation.state,
        code=end.code if type(end) is Error else None,
        message=end.message if type(end) is Error else None,
        finish_reason=end.finish_reason if type(end) is Complete else None,
        interrupted_by=end.by if type(end) is Interrupted else None,
        reason=end.reason if type(end) is Interrupted else None,
        cancel_ms=end.cancel_ms if type(end) is Interrupted else None,
        metrics=metrics,
        usage=bill.usage,
        cost_usd=bill.cost,
        attempts=[
            *map(summarize_attempt, generation.attempts, bill.usages, bill.costs, repeat(accepted - (unix - now)))
        ],
        views=dict(views),
        resumes=resumes,
        ended_at=accepted + metrics.duration_ms / 1000,
        accepted_at=accepted,
        first_content_at=first_content,
        feedback=len(generation.notes),
        failovers=_failovers(generation),
    )


def _failovers(generation: Generation) -> int:
    if generation.revision == 1:
        return 0
    events = (entry.other for entry in generation.log.since(0))
    return sum(isinstance(event, Revision) and event.reason == "failover" for event in events)


def summarize_attempt(attempt: Attempt, used: Usage | None, cost: float | None, accepted_at: float) -> AttemptSummary:
    """Return the summary of an attempt that `used` this and has this `cost`.

    `accepted_at` is when its generation was accepted, by the clock of its times.
    """
    start, open_, first_content, duration = attempt.times.durations(accepted_at)
    return AttemptSummary(
        number=attempt.number,
        revision=attempt.revision,
        provider=attempt.provider,
        vendor=attempt.vendor,
        upstream_model=attempt.upstream_model,
        ended=attempt.ended or "",
        opened=attempt.opened,
        usage=used,
        cost_usd=None if cost is None else round(cost, COST_DIGITS),
        start_ms=start,
        open_ms=open_,
        first_content_ms=first_content,
        duration_ms=duration,
        text_bytes=attempt.text_bytes,
    )
