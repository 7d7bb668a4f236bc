"""A viewer's state of a generation. Frames may repeat; each event is applied once and in order. Pure."""

from collections.abc import Mapping
from typing import Literal

from gateway.client.content import AnswerContent
from gateway.client.frames import ConnectionLost, Frame
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Gap,
    Interrupted,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
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
    SignedReasoning: "streaming",
    ToolCall: "streaming",
    Part: "streaming",
    Gap: "streaming",
    Revision: "revising",
    Complete: "complete",
    Interrupted: "interrupted",
    Error: "error",
}


class View:
    """A generation up to event `seq`; `content` is that of the current revision."""

    def __init__(self, generation_id: str, *, after: int = 0) -> None:
        self.generation_id = generation_id
        self.seq = after
        self.revision = 1
        self.state: State = "accepted"
        self.terminal: Terminal | None = None
        self.content = AnswerContent()

    def receive(self, frame: Frame) -> Event | None:
        """Apply a frame and return its event; return None for a repeated one, or if its type is unknown.

        Raises:
            ConnectionLost: if the frame belongs to another generation.
        """
        if frame.generation_id != self.generation_id:
            message = f"received an event of {frame.generation_id} instead of {self.generation_id}"
            raise ConnectionLost(message)
        if frame.seq <= self.seq:
            return None
        # Numbers may jump: a frame may stand for joined content, and the data of a provider that only clients of its
        # own API are sent has numbers, too (docs/reference/protocol.md).
        self.seq = frame.seq
        if frame.event is not None:
            self._apply(frame.event)
        return frame.event

    def _apply(self, event: Event) -> None:
        self.state = STATE_AFTER.get(type(event), self.state)
        self.content.receive(event)
        match event:
            case Revision(revision=revision) | Start(revision=revision):
                self.revision = revision
            case Complete() | Interrupted() | Error():
                self.terminal = event
            case _:
                pass
