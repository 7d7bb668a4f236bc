"""One question with its answer, and the conversation of such turns. Pure: the time is passed in."""

from dataclasses import dataclass, field

from gateway.client import STATE_AFTER, AnswerContent, Message, RetryNotice, State
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Part,
    Queued,
    Reasoning,
    Revision,
    Terminal,
    ToolCall,
)


@dataclass(slots=True)
class Turn:
    """A question and its answer. Times are seconds of one clock; `chars` counts the text of all revisions."""

    question: str
    asked_at: float
    model: str | None = None
    state: State | None = None
    queue_position: int | None = None
    first_at: float | None = None
    last_at: float | None = None
    chars: int = 0
    stop_at: float | None = None
    ended_at: float | None = None
    retry_notice: RetryNotice | None = None
    resumed: int = 0
    terminal: Terminal | None = None
    failure: str | None = None
    exchanges: list[tuple[Message, str]] = field(default_factory=list)
    """For each revision that feedback ended: its message, and the feedback."""
    content: AnswerContent = field(default_factory=AnswerContent)
    _feedback: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return the text of the current revision."""
        return self.content.text

    @property
    def running(self) -> bool:
        """Return True until the turn has ended or failed."""
        return self.terminal is None and self.failure is None

    def receive(self, event: Event, now: float) -> None:
        """Apply an event to the turn."""
        if self.retry_notice is not None:
            self.retry_notice = None
            self.resumed += 1
        self.state = STATE_AFTER.get(type(event), self.state)
        if isinstance(event, Revision) and event.feedback_id is not None:
            # One without feedback is a failover: the text of the upstream that failed is void, and not remembered.
            self.exchanges.append((self._message(), self._feedback.get(event.feedback_id, "")))
        self.content.receive(event)
        match event:
            case Accepted(model=model):
                self.model = model
            case Queued(position=position):
                self.queue_position = position
            case Chunk(content=content) | Reasoning(content=content) | ToolCall(arguments=content) | Gap(text=content):
                self._count(content, now)
            case Part():
                self._count("", now)
            case Feedback(feedback_id=feedback_id, text=feedback):
                self._feedback[feedback_id] = feedback or ""
            case Complete() | Interrupted() | Error():
                self.terminal, self.ended_at = event, now
            case _:
                pass

    def fail(self, message: str, now: float) -> None:
        """End the turn without a terminal event: the gateway refused it, or could not be reached."""
        self.failure, self.ended_at, self.retry_notice = message, now, None

    def messages(self) -> list[Message]:
        """Return the messages of this turn for a later question; none if there was no answer."""
        answers = [answer for answer, _feedback in self.exchanges] + [self._message()]
        messages: list[Message] = []
        inputs = [self.question] + [feedback for _answer, feedback in self.exchanges]
        pending = ""
        for user_input, answer in zip(inputs, answers, strict=True):
            # Feedback that came before any text is joined to the question: providers want the roles to alternate.
            pending = f"{pending}\n\n{user_input}" if pending else user_input
            if answer["content"]:
                messages += [{"role": "user", "content": pending}, answer]
                pending = ""
        return messages

    def _message(self) -> Message:
        # A call without its result would be refused in the next turn, and nothing here carries calls out.
        return {name: value for name, value in self.content.message().items() if name != "tool_calls"}

    def _count(self, content: str, now: float) -> None:
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        self.chars += len(content)


@dataclass(slots=True)
class Conversation:
    """The turns so far, with an optional system prompt."""

    system: str | None = None
    turns: list[Turn] = field(default_factory=list)

    def ask(self, question: str, now: float) -> tuple[Turn, list[Message]]:
        """Append a turn; return it with the messages to send: those of all earlier turns, then the question."""
        messages: list[Message] = [] if self.system is None else [{"role": "system", "content": self.system}]
        for turn in self.turns:
            messages += turn.messages()
        messages.append({"role": "user", "content": question})
        turn = Turn(question, now)
        self.turns.append(turn)
        return turn, messages
