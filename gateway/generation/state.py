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
    def over(self) -> bool:
        """Tell whether this is an end."""
        return self in _ENDS

    @property
    def fenced(self) -> bool:
        """Tell whether content is no longer taken: a command has decided, the upstream is being closed."""
        return self in _FENCED


class Cause(StrEnum):
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

TRANSITIONS: Mapping[State, Mapping[Cause, State]] = {
    State.QUEUED: {
        Cause.ADMITTED: State.CONNECTING,
        Cause.REVISED: State.QUEUED,  # nothing runs yet: the feedback joins the messages, the place is kept
        Cause.INTERRUPTED: State.STOPPING,
        Cause.FAILED: State.ERROR,
    },
    State.CONNECTING: {
        Cause.OPENED: State.WAITING,
        Cause.RETRIED: State.CONNECTING,
        Cause.REVISED: State.REVISING,
        Cause.INTERRUPTED: State.STOPPING,
        Cause.FAILED: State.ERROR,
    },
    State.WAITING: {
        Cause.CONTENT: State.STREAMING,
        Cause.FINISHED: State.COMPLETE,
        Cause.RETRIED: State.CONNECTING,
        Cause.REVISED: State.REVISING,
        Cause.INTERRUPTED: State.STOPPING,
        Cause.FAILED: State.ERROR,
    },
    State.STREAMING: {
        Cause.CONTENT: State.STREAMING,
        Cause.FINISHED: State.COMPLETE,
        Cause.RETRIED: State.CONNECTING,  # failover: another upstream goes on
        Cause.REVISED: State.REVISING,
        Cause.INTERRUPTED: State.STOPPING,
        Cause.FAILED: State.ERROR,
    },
    # Fenced: whatever the upstream still does is beside the point. Its failure or end is no event any more, and the
    # command ends as it said it would.
    State.REVISING: {
        Cause.CLOSED: State.CONNECTING,
        Cause.FINISHED: State.REVISING,
        Cause.REVISED: State.REVISING,
        Cause.INTERRUPTED: State.STOPPING,
        Cause.FAILED: State.REVISING,
    },
    State.STOPPING: {
        Cause.CLOSED: State.INTERRUPTED,
        Cause.FINISHED: State.STOPPING,
        Cause.FAILED: State.STOPPING,
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
    return "\n".join([*lines, *(f"    {end} --> [*]" for end in State if end.over)])
