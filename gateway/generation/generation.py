"""One generation: its state, its log, and the fence. Sans-I/O: it is fed what happened and when, and decides.

The fence is what a command raises: once it is up, no content is appended, although the provider's connection may still
bring some until it is closed.
"""

from collections.abc import Sequence
from itertools import takewhile

from gateway.billing.prices import Price
from gateway.generation.attempt import Attempt
from gateway.generation.continuation import split_batches
from gateway.generation.generation_base import ReviseRequest, StopRequest
from gateway.generation.prompt import Prompt
from gateway.generation.shared_generation import SharedGeneration, revise_messages
from gateway.generation.state import State, Trigger
from gateway.generation.timing import milliseconds
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed, Refused, UnsupportedOption
from gateway.protocol.events import (
    Complete,
    Content,
    Error,
    Feedback,
    Interrupted,
    InterruptedBy,
    Queued,
    Retry,
    Revision,
    Start,
    Terminal,
    TextBatch,
    Verbatim,
)


class Generation(SharedGeneration):
    """A generation from `accepted` to its one terminal event.

    Times are seconds of one clock. `output_limit` bounds the content, as `ContentCounter` measures it. A command that
    is not possible raises `Refused`; a trigger that the transition table does not have in a state is a programming
    error and raises `AssertionError`.
    """

    __slots__ = ()

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
        vendor: str = "",
    ) -> Attempt:
        """Begin an upstream call with the prompt as it stands, or with a `prompt` that ends in the text to continue.

        With `new_revision` the first content of the attempt begins a new text. Until then the present text stays: it is
        not thrown away for an attempt that may bring nothing.
        """
        number = len(self.attempts) + 1
        revision, tokens = self.revision + int(new_revision), (prompt or self.prompt).tokens(upstream_model)
        attempt = Attempt(number, revision, tokens, provider, upstream_model, price, prompt is not None, vendor=vendor)
        self.attempts.append(attempt)
        self.current_attempt = attempt
        return attempt

    def on_opened(self, attempt: Attempt) -> None:
        """Record that an upstream accepted the call; after the fence, or second in a race, it changes no state.

        The readers are not called: `on_first_read` follows at once.
        """
        attempt.opened = True
        if self.state is State.CONNECTING:
            self._move(Trigger.OPENED)
            if attempt.revision == self.revision:
                self._announce(attempt)

    def on_first_read(self) -> None:
        """Show the start of the call to readers, unless they were called for what came together with it."""
        if self.log.entries[-1].kind is Start:
            self.log.wake()

    def on_winner(self, attempt: Attempt) -> None:
        """Select the attempt that brings the answer: the first of a race with content."""
        self.current_attempt = attempt
        if attempt is not self._announced_attempt and not self.state.fenced:
            self._announce(attempt)
            self.log.wake()

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
        added = self.counter.add(content)
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
        added = self.counter.add((event,))
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
                self.on_first_read()
        else:
            self._append(Retry(attempt.number, 0, failure.code, attempt.provider))

    def on_finished(self, now: float, held: Sequence[Content | TextBatch | Verbatim] = ()) -> None:
        """Complete: the upstream ended the answer itself. `held` is what it sent of an answer without content."""
        if self._state_after(Trigger.FINISHED) is not State.COMPLETE:
            self._move(Trigger.FINISHED)
            return
        if held and self.counter.add(held) is not None:
            self.log.extend(held)
        attempt, figures = self.current_attempt, self._figures(now)
        end = (
            Complete(None, *figures) if attempt is None else Complete(attempt.finish_reason, *figures, attempt.response)
        )
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
        self._end(Trigger.FAILED, Error(*why, partial, *self._figures(now)), now)

    def on_closed(self, now: float) -> None:
        """Finish a command, now that the upstream connection is closed.

        A stop ends the generation, a revise begins the next revision; without a command it changes nothing.
        """
        if self.state is State.STOPPING and self._stop is not None:
            stop = self._stop
            why = (stop.by, stop.reason, milliseconds(now - stop.read_at))
            self._end(Trigger.CLOSED, Interrupted(*why, *self._figures(now)), now)
        elif self.state is State.REVISING and self._revise is not None:
            revise, self._revise = self._revise, None
            self._move(Trigger.CLOSED)
            self._begin_revision(revise, now)

    def stop_as_asked(self, now: float) -> bool:
        """End a generation that was being stopped when its owner was lost; return False if it was not."""
        stop = self._stop
        if stop is None:
            return False
        self._move(Trigger.INTERRUPTED)
        self._stop = StopRequest(stop.by, stop.reason, now)
        self.on_closed(now)
        return True

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
        self._stop = StopRequest(by, reason, read_at)
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
        self.prompt = self.prompt.followed_by(*revise_messages(partial, feedback.text))
        revise = ReviseRequest(feedback.feedback_id, read_at)
        if self._move(Trigger.REVISED) is State.QUEUED:
            self._begin_revision(revise, read_at)
            return False
        self._revise = revise
        return True

    def _begin_revision(self, revise: ReviseRequest, now: float) -> None:
        self.revision += 1
        self.prompt_version += 1
        self.has_content = False
        self.counter.start_text()
        self._append(Revision(self.revision, revise.feedback_id, milliseconds(now - revise.read_at)))

    def _announce(self, attempt: Attempt) -> None:
        if attempt.revision > self.revision:
            # Failover: the upstream before it died, and this one can't continue its text.
            self.revision = attempt.revision
            self.counter.start_text()
            self._add(Revision(self.revision, None, None, "failover"))
        self._announced_attempt, self.provider = attempt, attempt.provider
        self._add(Start(attempt.provider, attempt.upstream_model, attempt.number, self.revision))

    def _end(self, trigger: Trigger, event: Terminal, now: float) -> None:
        if self.lease.has_lapsed:
            self._hold()
        # First the log, which may reject the event; then the state; then the readers, which look at both.
        self.log.add(event)
        self._move(trigger)
        self.end, self._timing.ended_at = event, now
        self.log.wake()

    def _refuse_if_terminal(self) -> None:
        if self.state.is_terminal:
            raise self._already_over(f"is already over ({self.state})")

    def _already_over(self, how: str) -> Refused:
        return Refused(Code.ALREADY_OVER, f"Generation {self.id} {how}.", param="generation_id")
