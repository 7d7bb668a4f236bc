"""The states of a generation and what moves it between them: the one table. docs/design.md draws it."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a generation is; the last three are its ends."""

    QUEUED = "queued"
    CONNECTING = "connecting"
    WAITING = "waiting"
    STREAMING = "streaming"
    REVISING = "revising"
    STOPPING = "stopping"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    ERROR = "error"

    @property
    def is_terminal(self) -> bool:
        """Tell whether this is an end."""
        return self in _ENDS

    @property
    def fenced(self) -> bool:
        """Tell whether content is no longer taken: a command has decided, the upstream is being closed."""
        return self in _FENCED


class Trigger(StrEnum):
    """What moves a generation."""

    ADMITTED = "admitted"
    OPENED = "opened"
    CONTENT = "content"
    FINISHED = "finished"
    RETRIED = "retried"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REVISED = "revised"
    CLOSED = "closed"


_ENDS = frozenset({State.COMPLETE, State.INTERRUPTED, State.ERROR})
_FENCED = frozenset({State.REVISING, State.STOPPING}) | _ENDS

TRANSITIONS: Mapping[State, Mapping[Trigger, State]] = {
    State.QUEUED: {
        Trigger.ADMITTED: State.CONNECTING,
        Trigger.REVISED: State.QUEUED,  # nothing runs yet: the feedback joins the messages, the place is kept
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
    },
    State.CONNECTING: {
        Trigger.OPENED: State.WAITING,
        Trigger.RETRIED: State.CONNECTING,
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
    },
    State.WAITING: {
        Trigger.CONTENT: State.STREAMING,
        Trigger.FINISHED: State.COMPLETE,
        Trigger.RETRIED: State.CONNECTING,
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
    },
    State.STREAMING: {
        Trigger.CONTENT: State.STREAMING,
        Trigger.FINISHED: State.COMPLETE,
        Trigger.RETRIED: State.CONNECTING,  # failover: another upstream goes on
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
    },
    # Fenced: whatever the upstream still does is beside the point. Its failure or end is no event any more, and the
    # command ends as it said it would.
    State.REVISING: {
        Trigger.CLOSED: State.CONNECTING,
        Trigger.FINISHED: State.REVISING,
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.REVISING,
    },
    State.STOPPING: {
        Trigger.CLOSED: State.INTERRUPTED,
        Trigger.FINISHED: State.STOPPING,
        Trigger.FAILED: State.STOPPING,
    },
    State.COMPLETE: {},
    State.INTERRUPTED: {},
    State.ERROR: {},
}


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for state, moves in TRANSITIONS.items():
        lines += [f"    {state} --> {after}: {cause}" for cause, after in moves.items() if after is not state]
    return "\n".join([*lines, *(f"    {end} --> [*]" for end in State if end.is_terminal)])
