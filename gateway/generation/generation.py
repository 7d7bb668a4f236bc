"""One generation: its state, its log, and the fence. Sans-I/O: it is fed what happened and when, and decides.

The fence is what a command raises: once it is up, no content is appended, although the provider's connection may still
bring some until it is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import takewhile
from typing import Final, Self

import orjson

from gateway.billing.prices import Price
from gateway.generation.attempt import Attempt
from gateway.generation.bill import output_tokens, total_charged, total_cost, total_usage
from gateway.generation.content_counter import ContentCounter
from gateway.generation.continuation import split_batches
from gateway.generation.details import GenerationDetails, StoredPrompt, StoredStop
from gateway.generation.event_log import Entry, EventLog
from gateway.generation.feedback_notes import FeedbackNotes
from gateway.generation.lease import NO_LEASE, Lease
from gateway.generation.prompt import Prompt
from gateway.generation.state import TRANSITIONS, State, Trigger
from gateway.generation.timing import Timing, milliseconds
from gateway.protocol.commands import FeedbackRequest, JsonObject, Message, StartRequest
from gateway.protocol.errors import Code, Failed, Refused, UnsupportedOption
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Content,
    Error,
    Event,
    Feedback,
    Interrupted,
    InterruptedBy,
    Metrics,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    Terminal,
    TextBatch,
    ToolCall,
    Usage,
    Verbatim,
)
from gateway.upstreams.base import DEFAULT_OUTPUT_BYTES, VerbatimRequest

_STATE_AFTER: Final[Mapping[type[Terminal], State]] = {
    Complete: State.COMPLETE,
    Interrupted: State.INTERRUPTED,
    Error: State.ERROR,
}


@dataclass(frozen=True, slots=True)
class _Stop:
    by: InterruptedBy
    reason: str | None
    read_at: float


@dataclass(frozen=True, slots=True)
class _Revise:
    feedback_id: str
    read_at: float


@dataclass(slots=True)
class Generation:
    """A generation from `accepted` to its one terminal event.

    Times are seconds of one clock. `output_limit` bounds the content, as `ContentCounter` measures it. A command that
    is not possible raises `Refused`; a trigger that the transition table does not have in a state is a programming
    error and raises `AssertionError`.
    """

    id: str
    request: InitVar[StartRequest | None]
    request_id: str
    model: str
    accepted_at: InitVar[float]
    output_limit: int = DEFAULT_OUTPUT_BYTES
    verbatim: InitVar[VerbatimRequest | None] = None
    created: int = 0
    """Time of its start, in seconds since 1970."""
    leading_messages: int = 0
    """How many messages precede those of the client."""
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
    _counter: ContentCounter = field(init=False)
    _feedback: FeedbackNotes = field(init=False, default_factory=FeedbackNotes)
    _stop: _Stop | None = field(init=False, default=None)
    _revise: _Revise | None = field(init=False, default=None)

    def __post_init__(self, request: StartRequest | None, accepted_at: float, verbatim: VerbatimRequest | None) -> None:
        self._counter, self._timing = ContentCounter(self.output_limit), Timing(accepted_at)
        self.log = EventLog(self.id)
        if request is None:
            # Restored: its events are replayed.
            self._metadata = b"{}"
            self.forget_prompt()
            return
        # Encoded, for the reason that `Prompt` gives.
        self.prompt = Prompt(request.messages)
        self._options, self._metadata = orjson.dumps(request.options.for_provider()), orjson.dumps(request.metadata)
        self._verbatim = b"" if verbatim is None else orjson.dumps(verbatim)
        self.log.append(Accepted(self.id, self.request_id, self.model))

    # What the pipeline reports.

    def on_queued(self, position: int, eta_ms: int | None) -> None:
        """Append the position in the queue."""
        self._append(Queued(position, eta_ms))

    def on_admitted(self, now: float) -> None:
        """Leave the queue."""
        self._move(Trigger.ADMITTED)
        self._timing.admitted_at = now

    def begin_attempt(
        self,
        provider: str = "",
        upstream_model: str = "",
        price: Price | None = None,
        *,
        prompt: Prompt | None = None,
        new_revision: bool = False,
    ) -> Attempt:
        """Begin an upstream call with the prompt as it stands, or with a `prompt` that ends in the text to continue.

        With `new_revision` the first content of the attempt begins a new text. Until then the present text stays: it is
        not thrown away for an attempt that may bring nothing.
        """
        number = len(self.attempts) + 1
        revision, tokens = self.revision + int(new_revision), (prompt or self.prompt).tokens(upstream_model)
        attempt = Attempt(number, revision, tokens, provider, upstream_model, price, prompt is not None)
        self.attempts.append(attempt)
        self.current_attempt = attempt
        return attempt

    def on_opened(self, attempt: Attempt) -> None:
        """Record that an upstream accepted the call; after the fence, or second in a race, it changes no state."""
        attempt.opened = True
        if self.state is State.CONNECTING:
            self._move(Trigger.OPENED)
            if attempt.revision == self.revision:
                self._announce(attempt)

    def on_winner(self, attempt: Attempt) -> None:
        """Select the attempt that brings the answer: the first of a race with content."""
        self.current_attempt = attempt
        if attempt is not self._announced_attempt and not self.state.fenced:
            self._announce(attempt)

    def append_content(self, content: Sequence[Content | TextBatch | Verbatim], now: float) -> bool:
        """Append content as it came; return False if the fence is up and the content was dropped.

        This runs for each read from a provider.

        Raises:
            Failed: `output_limit`: the content exceeds the limit; what fits was appended.
        """
        if now > self.lease.expires:
            self._hold()
        if self.state is not State.STREAMING:
            if self.state.fenced:
                return False
            if self._timing.first_content_at is None:
                self._timing.first_content_at = now
            self.has_content = True
            self._move(Trigger.CONTENT)
        added = self._counter.add(content)
        if added is not None:
            if self.current_attempt is not None:
                self.current_attempt.text_bytes += added
            self.log.extend(content)
            return True
        fitting: list[Content | Verbatim] = list(takewhile(self._fits, split_batches(content)))
        self.log.extend(fitting)
        message = f"The answer is longer than {self.output_limit} bytes, the limit of this gateway."
        raise Failed(Code.OUTPUT_LIMIT, message)

    def _fits(self, event: Content | Verbatim) -> bool:
        added = self._counter.add((event,))
        if added is not None and self.current_attempt is not None:
            self.current_attempt.text_bytes += added
        return added is not None

    def on_retry(self, failure: Failed, delay_ms: int, provider: str, attempt: Attempt | None = None) -> None:
        """Record that an attempt failed, the newest if none is given, and that another follows."""
        self._move(Trigger.RETRIED)
        number = len(self.attempts) if attempt is None else attempt.number
        self._append(Retry(number, delay_ms, failure.code, provider))

    def on_race_failure(self, other: Attempt, failure: Failed, attempt: Attempt) -> None:
        """Record that an attempt failed while `other` still races."""
        if self._announced_attempt is not other:
            self.on_retry(failure, 0, attempt.provider, attempt)
            if other.opened:
                self.on_opened(other)
        else:
            self._append(Retry(attempt.number, 0, failure.code, attempt.provider))

    def on_finished(self, now: float, held: Sequence[Content | TextBatch | Verbatim] = ()) -> None:
        """Complete: the upstream ended the answer itself. `held` is what it sent of an answer without content."""
        if self._state_after(Trigger.FINISHED) is not State.COMPLETE:
            self._move(Trigger.FINISHED)
            return
        if held and self._counter.add(held) is not None:
            self.log.extend(held)
        attempt, bill = self.current_attempt, (*self._bill(), self.metrics(now))
        end = Complete(None, *bill) if attempt is None else Complete(attempt.finish_reason, *bill, attempt.response)
        self._end(Trigger.FINISHED, end, now)

    def on_failed(self, failure: Failed, now: float) -> None:
        """Fail: no attempt will bring the answer. A command that raised the fence before wins."""
        if self._state_after(Trigger.FAILED) is not State.ERROR:
            self._move(Trigger.FAILED)
            return
        if isinstance(failure, UnsupportedOption):
            failure = failure.behind(self.leading_messages)
        self.failed_param, self.failed_api_code = failure.param, failure.api_code
        why = (failure.code, failure.message, failure.retryable, failure.retry_after_ms)
        partial = self._timing.first_content_at is not None
        self._end(Trigger.FAILED, Error(*why, partial, *self._bill(), self.metrics(now)), now)

    def on_closed(self, now: float) -> None:
        """Finish a command, now that the upstream connection is closed.

        A stop ends the generation, a revise begins the next revision; without a command it changes nothing.
        """
        if self.state is State.STOPPING and self._stop is not None:
            stop = self._stop
            why = (stop.by, stop.reason, milliseconds(now - stop.read_at))
            self._end(Trigger.CLOSED, Interrupted(*why, *self._bill(), self.metrics(now)), now)
        elif self.state is State.REVISING and self._revise is not None:
            revise, self._revise = self._revise, None
            self._move(Trigger.CLOSED)
            self._begin_revision(revise, now)

    # What another gateway has stored; times here are those of this gateway's clock.

    @classmethod
    def restored(cls, details: GenerationDetails, now: float, unix: float) -> Self:
        """Build a generation without events, to which those of another gateway are to be replayed.

        `unix` is the time of `now` in seconds since 1970.
        """
        accepted_at = now - (unix - details.accepted_at)
        generation = cls(
            *(details.id, None, details.request_id, details.model, accepted_at, details.output_limit),
            created=details.created,
            leading_messages=details.leading_messages,
        )
        generation.update(details, now, unix)
        return generation

    def update(self, details: GenerationDetails, now: float, unix: float) -> None:
        """Store newer details."""
        shift = now - unix
        self._metadata = details.metadata.encode()
        self._timing.restore(details.accepted_at, details.admitted_at, details.first_content_at, shift)
        self.failed_param, self.failed_api_code = details.failed_param, details.failed_api_code
        for attempt, known in zip(details.attempts, self.attempts, strict=False):
            # Counted here, from the events that have come.
            attempt.text_bytes = known.text_bytes
        for attempt in details.attempts[len(self.attempts) :]:
            attempt.text_bytes = 0
        for note in details.notes[len(self._feedback.notes) :]:
            self._feedback.add(note)
        current = self.current_attempt
        self.attempts = [*details.attempts]
        if current is not None:
            self._select_attempt(current.number)
        stop = details.stop
        self._stop = None if stop is None else _Stop(stop.by, stop.reason, now)

    def details(self, now: float, unix: float) -> GenerationDetails:
        """Return what another gateway needs beside the events; `unix` is the time of `now` in seconds since 1970."""
        shift, stop = unix - now, self._stop
        return GenerationDetails(
            *(self.id, self.request_id, self.model, self.created, self.output_limit),
            *self._timing.moments(shift),
            leading_messages=self.leading_messages,
            metadata=self._metadata.decode(),
            attempts=self.attempts,
            notes=self._feedback.notes,
            failed_param=self.failed_param,
            failed_api_code=self.failed_api_code,
            stop=None if stop is None else StoredStop(stop.by, stop.reason),
        )

    def stored_prompt(self) -> StoredPrompt:
        """Return the conversation of the start, for a gateway that continues it; the log has the feedback since."""
        return StoredPrompt(self.prompt.json().decode(), self._options.decode(), self._verbatim.decode())

    def replay(self, entries: Sequence[Entry], now: float) -> None:
        """Append events that another gateway has stored, those that are new, and call the readers."""
        for entry in entries:
            if (new := self.log.add_entry(entry)) is not None:
                self._follow(new, now)
        if self.log.ended:
            self.log.compact()
        self.log.wake()

    def rewind(self, seq: int, now: float) -> None:
        """Forget the events after a number, and all details: those of another owner follow (`update`, `replay`)."""
        self.log.supersede(seq)
        self.state, self.end, self._stop, self._revise = State.QUEUED, None, None, None
        self.revision, self.prompt_version, self.has_content, self.provider = 1, 1, False, None
        self.current_attempt = self._announced_attempt = None
        self._counter, self._feedback = ContentCounter(self.output_limit), FeedbackNotes()
        self._timing.first_content_at = self._timing.ended_at = None
        for attempt in self.attempts:
            attempt.text_bytes = 0
        for entry in self.log.since(0):
            self._follow(entry, now)

    def take_over(self, fence: int, lease: Lease) -> None:
        """Append to the log from now on: its owner is gone, and with it the attempts that ran there."""
        self.lease = lease
        self.log.begin_epoch(fence)
        for attempt in self.attempts:
            if attempt.ended is None:
                attempt.ended = Code.GENERATION_LOST

    def continue_with(self, stored: StoredPrompt, provider: str) -> None:
        """Begin again, after `take_over`: the generation waits for a slot, and its text stays until a new one comes.

        `provider` is who is asked first. The log tells at once that the attempt is lost.
        """
        self._options, self._verbatim = stored.options.encode(), stored.verbatim.encode()
        self.prompt = self._with_feedback(Prompt.of_json(stored.messages.encode()))
        self._move(Trigger.LOST)
        if self.attempts:
            self._append(Retry(len(self.attempts), 0, Code.GENERATION_LOST, provider))

    @property
    def is_stop_requested(self) -> bool:
        """Return True if a command has stopped it, or is about to."""
        return self._stop is not None

    def stop_as_asked(self, now: float) -> bool:
        """End a generation that was being stopped when its owner was lost; return False if it was not."""
        stop = self._stop
        if stop is None:
            return False
        self._move(Trigger.INTERRUPTED)
        self._stop = _Stop(stop.by, stop.reason, now)
        self.on_closed(now)
        return True

    def _with_feedback(self, prompt: Prompt) -> Prompt:
        """Return the messages of the start, followed by those that feedback has added since, as the log tells it."""
        text, is_revising = list[str](), False
        for entry in self.log.since(0):
            if entry.kind is Chunk:
                text.append(entry.text)
            elif isinstance(entry.other, Revision):
                text, is_revising = [], False
            elif isinstance(entry.other, Feedback) and entry.other.mode == "revise":
                partial = "" if is_revising else "".join(text)
                prompt, is_revising = prompt.followed_by(*_revise_messages(partial, entry.other.text)), True
        return prompt

    def _follow(self, entry: Entry, now: float) -> None:
        match entry.other:
            case None:
                self._follow_content(entry, now)
            case Start(provider, _, number, revision):
                self.state, self.provider, self.revision = State.WAITING, provider, revision
                self._select_attempt(number)
                self._announced_attempt = self.current_attempt
            case Retry():
                self.state = State.CONNECTING
            case Revision(revision):
                self.state, self.revision, self.has_content = State.CONNECTING, revision, False
                self.prompt_version += 1
                self._counter.start_text()
            case Complete() | Interrupted() | Error() as end:
                self.state, self.end, self._timing.ended_at = _STATE_AFTER[type(end)], end, now
            case SignedReasoning():
                self._follow_content(entry, now)
            case ToolCall():
                self._follow_content(entry, now)
            case _:
                pass

    def _follow_content(self, entry: Entry, now: float) -> None:
        self.state, self.has_content = State.STREAMING, True
        if self._timing.first_content_at is None:
            self._timing.first_content_at = now
        content: list[Content | TextBatch | Verbatim] = [] if entry.verbatim is None else [Verbatim(entry.verbatim)]
        if entry.kind is not Verbatim:
            event = entry.event
            is_batch = isinstance(event, Chunk | Reasoning) and entry.ends
            content.append(TextBatch(event, entry.ends) if is_batch else event)  # type: ignore[arg-type]
        added = self._counter.add(content)
        if added is not None and self.current_attempt is not None:
            self.current_attempt.text_bytes += added

    def _select_attempt(self, number: int) -> None:
        self.current_attempt = self.attempts[number - 1] if 0 < number <= len(self.attempts) else None

    # Commands of clients.

    def interrupt(self, by: InterruptedBy, reason: str | None, read_at: float) -> bool:
        """Raise the fence; return True if the upstream must be closed, False if it is stopping or stopped already.

        Raises:
            Refused: `already_over`: the generation ended in another way.
        """
        if self.state in {State.STOPPING, State.INTERRUPTED}:
            return False
        self._refuse_if_terminal()
        self._move(Trigger.INTERRUPTED)
        self._stop = _Stop(by, reason, read_at)
        return True

    def feedback(self, feedback_id: str, request: FeedbackRequest, read_at: float) -> bool:
        """Record feedback; return True if the upstream must be closed.

        Raises:
            Refused: `already_over`: it is not a note, and the generation ended or is stopping; or too much feedback.
        """
        feedback = Feedback(feedback_id, request.mode, request.text, request.rating)
        if request.mode != "note" and self.state is State.STOPPING:
            raise self._already_over("is being stopped")
        if request.mode != "note":
            self._refuse_if_terminal()
        self._feedback.add(feedback)
        if not self.state.is_terminal:
            self._append(feedback)
        if request.mode == "stop":
            return self.interrupt("feedback", request.text, read_at)
        if request.mode == "note":
            return False
        return self._revise_with(feedback, read_at)

    def _revise_with(self, feedback: Feedback, read_at: float) -> bool:
        # A second feedback before the next attempt: the partial text is among the messages already.
        partial = self.log.text() if self._revise is None else ""
        self.prompt = self.prompt.followed_by(*_revise_messages(partial, feedback.text))
        revise = _Revise(feedback.feedback_id, read_at)
        if self._move(Trigger.REVISED) is State.QUEUED:
            self._begin_revision(revise, read_at)
            return False
        self._revise = revise
        return True

    def _begin_revision(self, revise: _Revise, now: float) -> None:
        self.revision += 1
        self.prompt_version += 1
        self.has_content = False
        self._counter.start_text()
        self._append(Revision(self.revision, revise.feedback_id, milliseconds(now - revise.read_at)))

    # Queries.

    def forget_prompt(self) -> None:
        """Drop the conversation: it may be large, and nothing needs it once the generation has ended."""
        self.prompt, self._options, self._verbatim = Prompt(()), b"{}", b""

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
        return self._counter.is_only_text

    @property
    def notes(self) -> Sequence[Feedback]:
        """Return all feedback in the order it came."""
        return self._feedback.notes

    @property
    def size(self) -> int:
        """Return the memory that is counted for it, in UTF-8 bytes: content with framing, feedback and metadata."""
        return self._counter.size + self._counter.verbatim_bytes + self._feedback.size + len(self._metadata)

    def usage(self) -> Usage:
        """Return the usage of all attempts."""
        return total_usage(self.attempts)

    def cost(self) -> float | None:
        """Return the cost of all attempts in US dollars; None if it is unknown for one of them."""
        return total_cost(self.attempts)

    def charged(self) -> float:
        """Return what a budget is charged in US dollars, also where the total cost is unknown."""
        return total_charged(self.attempts)

    def output_tokens(self) -> int:
        """Return the output tokens of the present text."""
        return output_tokens(self.attempts, self.revision, self.current_attempt)

    def metrics(self, now: float) -> Metrics:
        """Return the measurements up to now, or up to its end."""
        if self.end is not None and self.end.metrics is not None:
            return self.end.metrics
        return self._timing.metrics(self.request_id, self._counter, len(self.attempts), self.revision, now)

    def _bill(self) -> tuple[Usage, float | None]:
        return self.usage(), self.cost()

    def _announce(self, attempt: Attempt) -> None:
        if attempt.revision > self.revision:
            # Failover: the upstream before it died, and this one can't continue its text.
            self.revision = attempt.revision
            self._counter.start_text()
            self._append(Revision(self.revision, None, None, "failover"))
        self._announced_attempt, self.provider = attempt, attempt.provider
        self._append(Start(attempt.provider, attempt.upstream_model, attempt.number, self.revision))

    def _state_after(self, trigger: Trigger) -> State:
        after = TRANSITIONS[self.state].get(trigger)
        if after is None:
            message = f"{trigger} in state {self.state}"
            raise AssertionError(message)
        return after

    def _move(self, trigger: Trigger) -> State:
        self.state = self._state_after(trigger)
        return self.state

    def _end(self, trigger: Trigger, event: Terminal, now: float) -> None:
        if self.lease.has_lapsed:
            self._hold()
        # First the log, which may reject the event; then the state; then the readers, which look at both.
        self.log.add(event)
        self._move(trigger)
        self.end, self._timing.ended_at = event, now
        self.log.wake()

    def _append(self, event: Event) -> None:
        if self.lease.has_lapsed:
            self._hold()
        self.log.append(event)

    def _hold(self) -> None:
        """Show readers nothing until it is known whether another gateway has taken the generation over."""
        self.log.hold()
        self.lease.on_lapse()

    def _refuse_if_terminal(self) -> None:
        if self.state.is_terminal:
            raise self._already_over(f"is already over ({self.state})")

    def _already_over(self, how: str) -> Refused:
        return Refused(Code.ALREADY_OVER, f"Generation {self.id} {how}.", param="generation_id")


def _revise_messages(partial: str, text: str | None) -> list[Message]:
    answer = [Message(role="assistant", content=partial)] if partial else []
    return [*answer, Message(role="user", content=text)]
