"""What a viewer knows of a generation: fed frames in any repetition, it takes each event once and in order. Pure."""

from collections.abc import Mapping
from typing import Literal

from gateway.client.frames import ConnectionLost, Frame
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Gap,
    Interrupted,
    Queued,
    Reasoning,
    Retry,
    Revision,
    Start,
    Terminal,
    ToolCall,
)

State = Literal[
    "accepted", "queued", "started", "retrying", "streaming", "revising", "complete", "interrupted", "error"
]

STATE_AFTER: Mapping[type[Event], State] = {
    Accepted: "accepted",
    Queued: "queued",
    Start: "started",
    Retry: "retrying",
    Chunk: "streaming",
    Reasoning: "streaming",
    ToolCall: "streaming",
    Gap: "streaming",
    Revision: "revising",
    Complete: "complete",
    Interrupted: "interrupted",
    Error: "error",
}


class View:
    """A generation as far as it was seen: `seq` is the last event taken, `text` that of the running revision."""

    def __init__(self, generation_id: str, *, after: int = 0) -> None:
        self.generation_id = generation_id
        self.seq = after
        self.revision = 1
        self.state: State = "accepted"
        self.terminal: Terminal | None = None
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text of the running revision."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def take(self, frame: Frame) -> Event | None:
        """Take a frame and give its event; None for one that was taken before, or that this version does not know.

        Raises:
            CutError: when the frame is another generation's, or events before it are missing.
        """
        if frame.generation_id != self.generation_id:
            message = f"an event of {frame.generation_id} came, where {self.generation_id} was asked for"
            raise ConnectionLost(message)
        if frame.seq <= self.seq:
            return None
        # Content may have been merged on the way: its frame then stands for all numbers up to its own.
        merges = isinstance(frame.event, Chunk | Reasoning | ToolCall | Gap)
        if frame.seq != self.seq + 1 and not merges:
            message = f"events {self.seq + 1} to {frame.seq - 1} are missing"
            raise ConnectionLost(message)
        self.seq = frame.seq
        if frame.event is not None:
            self._apply(frame.event)
        return frame.event

    def _apply(self, event: Event) -> None:
        self.state = STATE_AFTER.get(type(event), self.state)
        match event:
            case Chunk(content=content):
                self._pieces.append(content)
            case Gap(text=text):
                self._pieces = [text]
            case Revision(revision=revision):
                self.revision = revision
                self._pieces = []
            case Start(revision=revision):
                self.revision = revision
            case Complete() | Interrupted() | Error():
                self.terminal = event
            case _:
                pass
