"""A generation as gateways share it: stored as details and events, and restored from them.

Times are those of the clock of the gateway that restores it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Self

from gateway.generation.content_counter import ContentCounter
from gateway.generation.details import GenerationDetails, StoredPrompt, StoredStop
from gateway.generation.event_log import Entry
from gateway.generation.feedback_notes import FeedbackNotes
from gateway.generation.generation_base import GenerationBase, StopRequest
from gateway.generation.lease import Lease
from gateway.generation.prompt import Prompt
from gateway.generation.state import State, Trigger
from gateway.protocol.commands import Message
from gateway.protocol.errors import Code
from gateway.protocol.events import (
    Chunk,
    Complete,
    Content,
    Error,
    Feedback,
    Interrupted,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    Terminal,
    TextBatch,
    ToolCall,
    Verbatim,
)

STATE_AFTER: Final[Mapping[type[Terminal], State]] = {
    Complete: State.COMPLETE,
    Interrupted: State.INTERRUPTED,
    Error: State.ERROR,
}


class SharedGeneration(GenerationBase):
    """What another gateway needs of a generation, and what it does with that; see `Generation`."""

    __slots__ = ()

    @classmethod
    def restored(cls, details: GenerationDetails, now: float, unix: float) -> Self:
        """Build a generation without events, to which those of another gateway are to be replayed.

        `unix` is the time of `now` in seconds since 1970.
        """
        accepted_at = now - (unix - details.accepted_at)
        generation = cls(
            *(details.id, None, details.request_id, details.model, accepted_at, details.output_limit),
            created=details.created,
            coalesce_ms=details.coalesce_ms,
            leading_messages=details.leading_messages,
            source=details.source,
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
        self.attempts = [attempt.shifted(shift) for attempt in details.attempts]
        # It may have been ended here as lost, and be stored again since: that bill was one of fewer attempts.
        self._settled = None
        if current is not None:
            self._select_attempt(current.number)
        stop = details.stop
        self._stop = None if stop is None else StopRequest(stop.by, stop.reason, now)

    def details(self, now: float, unix: float) -> GenerationDetails:
        """Return what another gateway needs beside the events; `unix` is the time of `now` in seconds since 1970."""
        shift, stop = unix - now, self._stop
        return GenerationDetails(
            *(self.id, self.request_id, self.model, self.created, self.output_limit),
            *self.moments(shift),
            coalesce_ms=self.coalesce_ms,
            leading_messages=self.leading_messages,
            metadata=self._metadata.decode(),
            attempts=[attempt.shifted(shift) for attempt in self.attempts],
            notes=self._feedback.notes,
            failed_param=self.failed_param,
            failed_api_code=self.failed_api_code,
            stop=None if stop is None else StoredStop(stop.by, stop.reason),
            source=self.source,
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
        self.current_attempt = self._announced_attempt = self._settled = None
        self.counter, self._feedback = ContentCounter(self.output_limit), FeedbackNotes()
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
                prompt, is_revising = prompt.followed_by(*revise_messages(partial, entry.other.text)), True
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
                self.counter.start_text()
            case Complete() | Interrupted() | Error() as end:
                self.state, self.end, self._timing.ended_at = STATE_AFTER[type(end)], end, now
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
        added = self.counter.add(content)
        if added is not None and self.current_attempt is not None:
            self.current_attempt.text_bytes += added

    def _select_attempt(self, number: int) -> None:
        self.current_attempt = self.attempts[number - 1] if 0 < number <= len(self.attempts) else None


def revise_messages(partial: str, text: str | None) -> list[Message]:
    """Return what feedback adds to the messages: the text so far, and what is to change."""
    answer = [Message(role="assistant", content=partial)] if partial else []
    return [*answer, Message(role="user", content=text)]
