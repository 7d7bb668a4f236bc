"""One answer being produced: its state, its log, and the fence. Sans-I/O: told what happened and when, it decides."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from itertools import takewhile

from gateway.billing.prices import Price
from gateway.billing.usage import sum_usage
from gateway.generation.attempt import Attempt
from gateway.generation.continuation import split_batches
from gateway.generation.event_log import EventLog
from gateway.generation.state import TRANSITIONS, State, Trigger
from gateway.protocol.commands import FeedbackRequest, JsonObject, Message, StartRequest
from gateway.protocol.errors import Code, Failed, Refused, invalid
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Content,
    Error,
    Feedback,
    Interrupted,
    InterruptedBy,
    Metrics,
    Queued,
    Retry,
    Revision,
    Start,
    Terminal,
    TextBatch,
    ToolCall,
    Usage,
)

COST_DIGITS = 9
"""Of a cost in US dollars: a token of the cheapest model costs more than a few of the last one."""

FRAME_BYTES = 64
"""Counted for each event that can't be joined with the one before it, so that many small ones stay bounded."""


MAX_FEEDBACK = 100
"""Feedbacks kept for one generation."""

FEEDBACK_BYTES = 64 * 1024
"""Of their texts together, in UTF-8."""


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
class _Counts:
    chunks: int = 0
    chars: int = 0
    size: int = 0
    """UTF-8 bytes of all content, and a frame for each run of it."""
    text: int = 0
    """UTF-8 bytes of all content alone."""
    last: type[Content] | None = None
    tools: bool = False
    """A tool call has come, since the text last began."""


@dataclass(slots=True)
class Generation:
    """A generation from `accepted` to its one terminal event.

    Times are seconds of one clock. `output_limit` bounds the content in UTF-8 bytes, counting 64 more for each event
    that can't be joined with the one before it. What a client may not do raises `Refused`; a call that can't happen in
    a state, by the table, raises `AssertionError`.
    """

    id: str
    request: InitVar[StartRequest]
    request_id: str
    model: str
    accepted_at: float
    output_limit: int = 2 << 20
    log: EventLog = field(init=False)
    options: JsonObject = field(init=False)
    metadata: dict[str, str] = field(init=False)
    state: State = field(init=False, default=State.QUEUED)
    revision: int = field(init=False, default=1)
    turn: int = field(init=False, default=1)
    """As `revision`, but for those that failover began: how often it was asked."""
    provider: str | None = field(init=False, default=None)
    attempts: list[Attempt] = field(init=False, default_factory=list)
    notes: list[Feedback] = field(init=False, default_factory=list)
    _notes_bytes: int = field(init=False, default=0)
    end: Terminal | None = field(init=False, default=None)
    ended_at: float | None = field(init=False, default=None)
    _begun: bool = field(init=False, default=False)
    _started: Attempt | None = field(init=False, default=None)
    """The attempt of the last `start`: who answers, as far as clients know."""
    _current: Attempt | None = field(init=False, default=None)
    _messages: list[Message] = field(init=False)
    _admitted_at: float | None = field(init=False, default=None)
    _first_content_at: float | None = field(init=False, default=None)
    _counts: _Counts = field(init=False, default_factory=_Counts)
    _stop: _Stop | None = field(init=False, default=None)
    _revise: _Revise | None = field(init=False, default=None)

    def __post_init__(self, request: StartRequest) -> None:
        self.options, self.metadata = request.options.for_provider(), request.metadata
        self._messages = list(request.messages)
        self.log = EventLog(self.id)
        self.log.append(Accepted(self.id, self.request_id, self.model))

    # What the pipeline tells.

    def queued(self, position: int, eta_ms: int | None) -> None:
        """Tell the place in the queue."""
        self.log.append(Queued(position, eta_ms))

    def admitted(self, now: float) -> None:
        """Leave the queue."""
        self._move(Trigger.ADMITTED)
        self._admitted_at = now

    def attempt(
        self,
        provider: str = "",
        upstream_model: str = "",
        price: Price | None = None,
        *,
        prefix: str = "",
        anew: bool = False,
    ) -> Attempt:
        """Begin an upstream call with the messages as they stand, and behind them the `prefix` to go on from.

        With `anew` its first content begins the text anew: until then, what there is of it is not thrown away.
        """
        messages = [*self._messages, Message(role="assistant", content=prefix)] if prefix else self._messages
        number = len(self.attempts) + 1
        revision = self.revision + int(anew)
        attempt = Attempt(number, revision, tuple(messages), provider, upstream_model, price, bool(prefix))
        self.attempts.append(attempt)
        self._current = attempt
        return attempt

    def opened(self, attempt: Attempt) -> None:
        """Tell that an upstream took the call; after the fence it no longer matters, and beside another in a race."""
        attempt.opened = True
        if self.state is State.CONNECTING:
            self._move(Trigger.OPENED)
            if attempt.revision == self.revision:
                self._start(attempt)

    def on_winner(self, attempt: Attempt) -> None:
        """Tell that an attempt brings the answer: the first of a race with content."""
        self._current = attempt
        if attempt is not self._started and not self.state.fenced:
            self._start(attempt)

    def take(self, content: Sequence[Content | TextBatch], now: float) -> bool:
        """Append content as it came; False when the fence is down and it was dropped.

        Raises:
            Failed: `output_limit`, when the answer grows past its bound; what fits was appended.
        """
        if self.state is not State.STREAMING:
            if self.state.fenced:
                return False
            if self._first_content_at is None:
                self._first_content_at = now
            self._begun = True
            self._move(Trigger.CONTENT)
        if self._counted(content):
            self.log.extend(content)
            return True
        fitting = list(takewhile(lambda event: self._counted([event]), split_batches(content)))
        self.log.extend(fitting)
        message = f"The answer is longer than {self.output_limit} bytes, the limit set for this gateway."
        raise Failed(Code.OUTPUT_LIMIT, message)

    def _counted(self, content: Sequence[Content | TextBatch]) -> bool:
        """Count content, all or nothing; False when the answer would grow past its bound."""
        counts = self._counts
        size, text, chunks, chars, last = counts.size, counts.text, counts.chunks, counts.chars, counts.last
        tools = counts.tools
        for part in content:
            event, pieces = (part.text, len(part.ends)) if isinstance(part, TextBatch) else (part, 1)
            kind: type[Content] = type(event)
            if kind is ToolCall or (last is not kind and last is not None):
                # It can't be joined with what stands before it.
                size += FRAME_BYTES
            last = kind
            if isinstance(event, ToolCall):
                tools = True
                length = _utf8(event.arguments) + _utf8(event.name or "") + _utf8(event.id or "")
            else:
                words = event.content
                length = len(words) if words.isascii() else len(words.encode())
                if kind is Chunk:
                    chunks += pieces
                    chars += len(words)
            size += length
            text += length
        if size > self.output_limit:
            return False
        if self._current is not None:
            self._current.text_bytes += text - counts.text
        counts.size, counts.text, counts.chunks, counts.chars, counts.last = size, text, chunks, chars, last
        counts.tools = tools
        return True

    def retrying(self, failure: Failed, delay_ms: int, provider: str, attempt: Attempt | None = None) -> None:
        """Tell that the newest attempt, or the one given, failed and that another follows."""
        self._move(Trigger.RETRIED)
        number = len(self.attempts) if attempt is None else attempt.number
        self.log.append(Retry(number, delay_ms, failure.code, provider))

    def on_race_failure(self, other: Attempt, failure: Failed, attempt: Attempt) -> None:
        """Tell that an attempt failed beside which another one runs, in a race."""
        if self._started is not other:
            self.retrying(failure, 0, attempt.provider, attempt)
            if other.opened:
                self.opened(other)
        else:
            self.log.append(Retry(attempt.number, 0, failure.code, attempt.provider))

    def finished(self, now: float) -> None:
        """Tell that the upstream ended the answer itself."""
        if self._after(Trigger.FINISHED) is not State.COMPLETE:
            self._move(Trigger.FINISHED)
            return
        finish_reason = None if self._current is None else self._current.finish_reason
        self._end(Trigger.FINISHED, Complete(finish_reason, *self._bill(), self.metrics(now)), now)

    def failed(self, failure: Failed, now: float) -> None:
        """Tell that no attempt will bring the answer; a command that fenced it before wins."""
        if self._after(Trigger.FAILED) is not State.ERROR:
            self._move(Trigger.FAILED)
            return
        why = (failure.code, failure.message, failure.retryable, failure.retry_after_ms)
        partial = self._first_content_at is not None
        self._end(Trigger.FAILED, Error(*why, partial, *self._bill(), self.metrics(now)), now)

    def closed(self, now: float) -> None:
        """Tell that the upstream connection is closed: a stop ends now, a revise begins anew, nothing else cares."""
        if self.state is State.STOPPING and self._stop is not None:
            stop = self._stop
            why = (stop.by, stop.reason, _ms(now - stop.read_at))
            self._end(Trigger.CLOSED, Interrupted(*why, *self._bill(), self.metrics(now)), now)
        elif self.state is State.REVISING and self._revise is not None:
            revise, self._revise = self._revise, None
            self._move(Trigger.CLOSED)
            self._begin_revision(revise, now)

    # What clients command.

    def interrupt(self, by: InterruptedBy, reason: str | None, read_at: float) -> bool:
        """Put the fence down; True if the upstream is now to be closed, False if a stop is under way or done.

        Raises:
            Refused: `already_over`, when it ended in another way before.
        """
        if self.state in {State.STOPPING, State.INTERRUPTED}:
            return False
        self._refuse_if_over()
        self._move(Trigger.INTERRUPTED)
        self._stop = _Stop(by, reason, read_at)
        return True

    def feedback(self, feedback_id: str, request: FeedbackRequest, read_at: float) -> bool:
        """Take feedback; True if the upstream is now to be closed.

        Raises:
            Refused: `already_over`, when it is not a note and the answer ended or is being stopped; too much of it.
        """
        taken = Feedback(feedback_id, request.mode, request.text, request.rating)
        if request.mode != "note" and self.state is State.STOPPING:
            raise self._already_over("is being stopped")
        if request.mode != "note":
            self._refuse_if_over()
        self._note(taken)
        if not self.state.is_terminal:
            self.log.append(taken)
        if request.mode == "stop":
            return self.interrupt("feedback", request.text, read_at)
        if request.mode == "note":
            return False
        return self._take_revise(taken, read_at)

    def _note(self, taken: Feedback) -> None:
        if len(self.notes) >= MAX_FEEDBACK:
            message = f"This generation has got {MAX_FEEDBACK} feedbacks already: it takes no more."
            raise invalid(message, status=429)
        size = _utf8(taken.text or "")
        if self._notes_bytes + size > FEEDBACK_BYTES:
            message = f"text: this generation holds at most {FEEDBACK_BYTES} bytes of feedback: say it in fewer words."
            raise invalid(message, param="text", status=429)
        self._notes_bytes += size
        self.notes.append(taken)

    def _take_revise(self, taken: Feedback, read_at: float) -> bool:
        partial = self.log.text() if self._revise is None else ""
        if partial:
            self._messages.append(Message(role="assistant", content=partial))
        self._messages.append(Message(role="user", content=taken.text))
        revise = _Revise(taken.feedback_id, read_at)
        if self._move(Trigger.REVISED) is State.QUEUED:
            self._begin_revision(revise, read_at)
            return False
        self._revise = revise
        return True

    def _begin_revision(self, revise: _Revise, now: float) -> None:
        self.revision += 1
        self.turn += 1
        self._begun = self._counts.tools = False
        self.log.append(Revision(self.revision, revise.feedback_id, _ms(now - revise.read_at)))

    # What anybody may ask.

    def forget_prompt(self) -> None:
        """Drop the conversation, which may be large and which nobody asks for once the answer is over."""
        for attempt in self.attempts:
            attempt.forget_prompt()
        self._messages, self.options = [], {}

    @property
    def begun(self) -> bool:
        """Tell whether content of the present text has come, from whatever attempt."""
        return self._begun

    @property
    def answering(self) -> Attempt | None:
        """Tell which attempt brings the answer: the one that won, else the newest."""
        return self._current

    @property
    def calls_tools(self) -> bool:
        """Tell whether the present text has tool calls, which nobody else can go on with."""
        return self._counts.tools

    @property
    def size(self) -> int:
        """Count what it takes, in UTF-8 bytes: content, with what keeps its events apart, feedback and metadata."""
        noted = self._notes_bytes + FRAME_BYTES * len(self.notes)
        return self._counts.size + noted + sum(_utf8(name) + _utf8(value) for name, value in self.metadata.items())

    def usage(self) -> Usage:
        """Add up what all attempts used."""
        return sum_usage([used for attempt in self.attempts if (used := attempt.used()) is not None])

    def cost(self) -> float | None:
        """Add up what all attempts cost, in US dollars; None if it is not known of one."""
        costs = [attempt.cost() for attempt in self.attempts]
        known = [cost for cost in costs if cost is not None]
        return round(sum(known), COST_DIGITS) if len(known) == len(costs) else None

    def charged(self) -> float:
        """Add up what a budget is charged for it: also where its cost as a whole is not known."""
        return sum(attempt.charged() for attempt in self.attempts)

    def length(self) -> int:
        """Count the output tokens of the present text: of all attempts that it is made of."""
        parts = [
            attempt.used()
            for attempt in self.attempts
            if attempt.revision == self.revision and (attempt.text_bytes or attempt is self._current)
        ]
        return sum(part.output_tokens or 0 for part in parts if part is not None)

    def metrics(self, now: float) -> Metrics:
        """Measure it up to now, or to its end."""
        end = now if self.ended_at is None else self.ended_at
        first, counts = self._first_content_at, self._counts
        streamed = end - first if first is not None else 0.0
        return Metrics(
            request_id=self.request_id,
            ttft_ms=_ms(first - self.accepted_at) if first is not None else None,
            duration_ms=_ms(end - self.accepted_at),
            queue_ms=_ms((end if self._admitted_at is None else self._admitted_at) - self.accepted_at),
            chunks=counts.chunks,
            chars=counts.chars,
            bytes=counts.text,
            chars_per_s=round(counts.chars / streamed, 1) if streamed > 0 else None,
            attempts=len(self.attempts),
            revisions=self.revision,
        )

    def _bill(self) -> tuple[Usage, float | None]:
        return self.usage(), self.cost()

    def _start(self, attempt: Attempt) -> None:
        if attempt.revision > self.revision:
            # The upstream before it died, and what that said can't be continued there.
            self.revision = attempt.revision
            self._counts.tools = False
            self.log.append(Revision(self.revision, None, None, "failover"))
        self._started, self.provider = attempt, attempt.provider
        self.log.append(Start(attempt.provider, attempt.upstream_model, attempt.number, self.revision))

    def _after(self, cause: Trigger) -> State:
        after = TRANSITIONS[self.state].get(cause)
        if after is None:
            message = f"{cause} in state {self.state}"
            raise AssertionError(message)
        return after

    def _move(self, cause: Trigger) -> State:
        self.state = self._after(cause)
        return self.state

    def _end(self, cause: Trigger, event: Terminal, now: float) -> None:
        # First the log, which may not take the event; then the state; then the readers, who look at both.
        self.log.add(event)
        self._move(cause)
        self.end, self.ended_at = event, now
        self.log.wake()

    def _refuse_if_over(self) -> None:
        if self.state.is_terminal:
            raise self._already_over(f"is already over ({self.state})")

    def _already_over(self, how: str) -> Refused:
        return Refused(Code.ALREADY_OVER, f"Generation {self.id} {how}.", param="generation_id")


def _utf8(text: str) -> int:
    return len(text.encode())


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
