"""One question and its answer, as far as they were seen, and the conversation made of them. Pure: told the time."""

from dataclasses import dataclass, field

from gateway.client import STATE_AFTER, RetryNotice, State
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Queued,
    Reasoning,
    Revision,
    Terminal,
    ToolCall,
)

Message = dict[str, object]


@dataclass(slots=True)
class Turn:
    """A question and its answer. Times are seconds of one clock; `chars` counts text that arrived, all revisions."""

    question: str
    asked_at: float
    model: str | None = None
    state: State | None = None
    place: int | None = None
    first_at: float | None = None
    last_at: float | None = None
    chars: int = 0
    stop_at: float | None = None
    ended_at: float | None = None
    trouble: RetryNotice | None = None
    resumed: int = 0
    terminal: Terminal | None = None
    failure: str | None = None
    exchanges: list[tuple[str, str]] = field(default_factory=list)
    """Of each revision that feedback ended: its text, and the feedback."""
    _pieces: list[str] = field(default_factory=list)
    _feedback: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer's text."""
        return "".join(self._pieces)

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return self.terminal is None and self.failure is None

    def take(self, event: Event, now: float) -> None:
        """Take what came."""
        if self.trouble is not None:
            self.trouble = None
            self.resumed += 1
        self.state = STATE_AFTER.get(type(event), self.state)
        match event:
            case Accepted(model=model):
                self.model = model
            case Queued(position=place):
                self.place = place
            case Chunk(content=content):
                self._came(content, now)
                self._pieces.append(content)
            case Reasoning(content=content) | ToolCall(arguments=content):
                self._came(content, now)
            case Gap(text=text):
                self._came(text, now)
                self._pieces = [text]
            case Feedback(feedback_id=feedback_id, text=said):
                self._feedback[feedback_id] = said or ""
            case Revision():
                self._begins_anew(event)
            case Complete() | Interrupted() | Error():
                self.terminal, self.ended_at = event, now
            case _:
                pass

    def _begins_anew(self, revision: Revision) -> None:
        # What an upstream said that died is void, and nothing to be remembered.
        if revision.feedback_id is not None:
            self.exchanges.append((self.text, self._feedback.get(revision.feedback_id, "")))
        self._pieces = []

    def failed(self, message: str, now: float) -> None:
        """End without a terminal event: the gateway refused, or stayed out of reach."""
        self.failure, self.ended_at, self.trouble = message, now, None

    def messages(self) -> list[Message]:
        """Give what a later question must know of it: nothing, if nothing was answered."""
        texts = [text for text, _feedback in self.exchanges] + [self.text]
        if not any(texts):
            return []
        said: list[Message] = []
        users = [self.question] + [feedback for _text, feedback in self.exchanges]
        pending = ""
        for asked, text in zip(users, texts, strict=True):
            # Where feedback came before any text, both are one: providers want the roles to take turns.
            pending = f"{pending}\n\n{asked}" if pending else asked
            if text:
                said += [{"role": "user", "content": pending}, {"role": "assistant", "content": text}]
                pending = ""
        return said

    def _came(self, content: str, now: float) -> None:
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        self.chars += len(content)


@dataclass(slots=True)
class Conversation:
    """The turns so far, under a system prompt."""

    system: str | None = None
    turns: list[Turn] = field(default_factory=list)

    def ask(self, question: str, now: float) -> tuple[Turn, list[Message]]:
        """Add a turn, and give the messages that ask its question after all that was said before."""
        messages: list[Message] = [] if self.system is None else [{"role": "system", "content": self.system}]
        for turn in self.turns:
            messages += turn.messages()
        messages.append({"role": "user", "content": question})
        turn = Turn(question, now)
        self.turns.append(turn)
        return turn, messages
