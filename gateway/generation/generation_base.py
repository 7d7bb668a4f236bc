"""What a generation consists of, and what follows from that. Pure."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

import orjson

from gateway.generation.attempt import Attempt
from gateway.generation.bill import Bill, bill_of, output_tokens
from gateway.generation.content_counter import ContentCounter
from gateway.generation.event_log import EventLog
from gateway.generation.feedback_notes import FeedbackNotes
from gateway.generation.lease import NO_LEASE, Lease
from gateway.generation.prompt import NO_MESSAGES, Prompt
from gateway.generation.source import UNKNOWN_SOURCE, StartSource
from gateway.generation.state import TRANSITIONS, State, Trigger
from gateway.generation.timing import Timing
from gateway.protocol.commands import JsonObject, StartRequest
from gateway.protocol.encoding import encode_kept
from gateway.protocol.events import (
    Accepted,
    Event,
    Feedback,
    InterruptedBy,
    Metrics,
    Terminal,
    Usage,
)
from gateway.upstreams.base import DEFAULT_OUTPUT_BYTES, VerbatimRequest


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A command to stop that was accepted, and when it was read."""

    by: InterruptedBy
    reason: str | None
    read_at: float


@dataclass(frozen=True, slots=True)
class ReviseRequest:
    """A feedback that begins a revision, and when it was read."""

    feedback_id: str
    read_at: float


@dataclass(slots=True)
class GenerationBase:
    """The parts of a generation; see `Generation`."""

    id: str
    request: InitVar[StartRequest | None]
    request_id: str
    model: str
    accepted_at: InitVar[float]
    output_limit: int = DEFAULT_OUTPUT_BYTES
    verbatim: InitVar[VerbatimRequest | None] = None
    created: int = 0
    """Time of its start, in seconds since 1970."""
    coalesce_ms: int | None = None
    """For how long its start asks to join text for each viewer, in milliseconds; None: it does not say."""
    leading_messages: int = 0
    """How many messages precede those of the client."""
    source: StartSource = UNKNOWN_SOURCE
    lease: Lease = NO_LEASE
    """The right of this gateway to append, where others share its log."""
    log: EventLog = field(init=False)
    prompt: Prompt = field(init=False)
    """The messages of the next attempt."""
    state: State = field(init=False, default=State.QUEUED)
    revision: int = field(init=False, default=1)
    prompt_version: int = field(init=False, default=1)
    """Grows when feedback changes the messages. A failover begins a revision, but asks the same."""
    provider: str | None = field(init=False, default=None)
    attempts: list[Attempt] = field(init=False, default_factory=list)
    end: Terminal | None = field(init=False, default=None)
    failed_param: str | None = field(init=False, default=None)
    """The field of the request for which it failed, if that is known."""
    failed_api_code: str | None = field(init=False, default=None)
    """OpenAI's name of what is wrong with the request, if the provider named it."""
    has_content: bool = field(init=False, default=False)
    """Content of the present text has come, from any attempt."""
    current_attempt: Attempt | None = field(init=False, default=None)
    """The attempt that brings the answer: the winner of a race, else the newest."""
    _announced_attempt: Attempt | None = field(init=False, default=None)
    """The attempt of the last `start` event: the one that clients know of."""
    _options: bytes = field(init=False)
    _verbatim: bytes = field(init=False)
    """The request as the client sent it; b"" if it came in our own protocol."""
    _metadata: bytes = field(init=False)
    _timing: Timing = field(init=False)
    _settled: Bill | None = field(init=False, default=None)
    """The bill that its end states; None again if another owner's events or details replace what it was made of."""
    counter: ContentCounter = field(init=False)
    _feedback: FeedbackNotes = field(init=False, default_factory=FeedbackNotes)
    _stop: StopRequest | None = field(init=False, default=None)
    _revise: ReviseRequest | None = field(init=False, default=None)

    def __post_init__(self, request: StartRequest | None, accepted_at: float, verbatim: VerbatimRequest | None) -> None:
        self.counter, self._timing = ContentCounter(self.output_limit), Timing(accepted_at)
        self.log = EventLog(self.id)
        if request is None:
            # Restored: its events are replayed.
            self._metadata = b"{}"
            self.forget_prompt()
            return
        # Encoded, for the reason that `Prompt` gives.
        self.prompt, self.coalesce_ms = Prompt(request.messages), request.options.coalesce_ms
        self._options, self._metadata = encode_kept(request.options.for_provider()), encode_kept(request.metadata)
        self._verbatim = b"" if verbatim is None else encode_kept(verbatim)
        # It has no readers yet.
        self.log.add(Accepted(self.id, self.request_id, self.model))

    # Queries.

    def forget_prompt(self) -> None:
        """Drop the conversation: it may be large, and nothing needs it once the generation has ended."""
        self.prompt, self._options, self._verbatim = NO_MESSAGES, b"{}", b""

    @property
    def options(self) -> JsonObject:
        """Return the options for the provider. Each time, they are decoded."""
        options: JsonObject = orjson.loads(self._options)
        return options

    @property
    def verbatim_request(self) -> VerbatimRequest | None:
        """Return the request as the client sent it. Each time, it is decoded.

        None if it came in our own protocol. Feedback that was given since is in the messages alone (`Prompt.added`).
        """
        return VerbatimRequest(**orjson.loads(self._verbatim)) if self._verbatim else None

    @property
    def metadata(self) -> dict[str, str]:
        """Return the client's own labels. Each time, they are decoded."""
        metadata: dict[str, str] = orjson.loads(self._metadata)
        return metadata

    @property
    def request_size(self) -> int:
        """Return the memory that its prompt, its options and its metadata take, in bytes.

        The options are decoded for as long as a call is being opened: a character then has up to four bytes.
        """
        return self.prompt.size + 4 * len(self._options) + len(self._verbatim) + len(self._metadata)

    @property
    def is_only_text(self) -> bool:
        """Return True if another upstream can continue the present text; see `ContentCounter`."""
        return self.counter.is_only_text

    @property
    def is_stop_requested(self) -> bool:
        """Return True if a command has stopped it, or is about to."""
        return self._stop is not None

    @property
    def notes(self) -> Sequence[Feedback]:
        """Return all feedback in the order it came."""
        return self._feedback.notes

    @property
    def size(self) -> int:
        """Return the memory that is counted for it, in UTF-8 bytes: content with framing, feedback and metadata."""
        return self.counter.size + self.counter.verbatim_bytes + self._feedback.size + len(self._metadata)

    def bill(self) -> Bill:
        """Return what all attempts together used and cost, up to now."""
        return self._settled or bill_of(self.attempts)

    def usage(self) -> Usage:
        """Return the usage of all attempts."""
        return self.bill().usage

    def cost(self) -> float | None:
        """Return the cost of all attempts in US dollars; None if it is unknown for one of them."""
        return self.bill().cost

    def charged(self) -> float:
        """Return what a budget is charged in US dollars, also where the total cost is unknown."""
        return self.bill().charged

    def output_tokens(self) -> int:
        """Return the output tokens of the present text."""
        settled = self._settled
        usages = [attempt.used() for attempt in self.attempts] if settled is None else settled.usages
        return output_tokens(self.attempts, usages, self.revision, self.current_attempt)

    def metrics(self, now: float) -> Metrics:
        """Return the measurements up to now, or up to its end."""
        if self.end is not None and self.end.metrics is not None:
            return self.end.metrics
        return self._timing.metrics(self.request_id, self.counter, len(self.attempts), self.revision, now)

    def moments(self, shift: float) -> tuple[float, float | None, float | None]:
        """Return when it was accepted, admitted, and brought its first content, `shift` seconds later."""
        return self._timing.moments(shift)

    # Changes.

    def _figures(self, now: float) -> tuple[Usage, float | None, Metrics]:
        """Return what a terminal event says in figures; the bill stays as it is: no attempt brings anything more."""
        self._settled = bill = bill_of(self.attempts)
        return bill.usage, bill.cost, self.metrics(now)

    def _state_after(self, trigger: Trigger) -> State:
        after = TRANSITIONS[self.state].get(trigger)
        if after is None:
            message = f"{trigger} in state {self.state}"
            raise AssertionError(message)
        return after

    def _move(self, trigger: Trigger) -> State:
        after = TRANSITIONS[self.state].get(trigger)
        self.state = self._state_after(trigger) if after is None else after
        return self.state

    def _append(self, event: Event) -> None:
        self._add(event)
        self.log.wake()

    def _add(self, event: Event) -> None:
        """Append without calling the readers."""
        if self.lease.has_lapsed:
            self._hold()
        self.log.add(event)

    def _hold(self) -> None:
        """Show readers nothing until it is known whether another gateway has taken the generation over."""
        self.log.hold()
        self.lease.on_lapse()
