"""The states of a generation and what moves it between them, as one table; docs/design.md shows its diagram. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """State of a generation; the last three are terminal."""

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
        """Return True if nothing follows this state."""
        return self in _TERMINAL

    @property
    def fenced(self) -> bool:
        """Return True if content is no longer accepted: a command has decided, the upstream is being closed."""
        return self in _FENCED


class Trigger(StrEnum):
    """What moves a generation from one state to another."""

    ADMITTED = "admitted"
    OPENED = "opened"
    CONTENT = "content"
    FINISHED = "finished"
    RETRIED = "retried"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REVISED = "revised"
    CLOSED = "closed"
    LOST = "lost"
    """Its gateway has died, and another one asks again."""


_TERMINAL = frozenset({State.COMPLETE, State.INTERRUPTED, State.ERROR})
_FENCED = frozenset({State.REVISING, State.STOPPING}) | _TERMINAL

TRANSITIONS: Mapping[State, Mapping[Trigger, State]] = {
    State.QUEUED: {
        Trigger.ADMITTED: State.CONNECTING,
        Trigger.REVISED: State.QUEUED,  # no call runs yet: the feedback joins the messages, the position is kept
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
        Trigger.LOST: State.QUEUED,
    },
    State.CONNECTING: {
        Trigger.OPENED: State.WAITING,
        Trigger.RETRIED: State.CONNECTING,
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
        Trigger.LOST: State.QUEUED,
    },
    State.WAITING: {
        Trigger.CONTENT: State.STREAMING,
        Trigger.FINISHED: State.COMPLETE,
        Trigger.RETRIED: State.CONNECTING,
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
        Trigger.LOST: State.QUEUED,
    },
    State.STREAMING: {
        Trigger.CONTENT: State.STREAMING,
        Trigger.FINISHED: State.COMPLETE,
        Trigger.RETRIED: State.CONNECTING,  # failover: another upstream continues
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.ERROR,
        Trigger.LOST: State.QUEUED,
    },
    # Fenced: the upstream's end or failure no longer matters, and the command ends as it announced.
    State.REVISING: {
        Trigger.CLOSED: State.CONNECTING,
        Trigger.FINISHED: State.REVISING,
        Trigger.REVISED: State.REVISING,
        Trigger.INTERRUPTED: State.STOPPING,
        Trigger.FAILED: State.REVISING,
        Trigger.LOST: State.QUEUED,
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
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for state, moves in TRANSITIONS.items():
        lines += [f"    {state} --> {after}: {trigger}" for trigger, after in moves.items() if after is not state]
    return "\n".join([*lines, *(f"    {end} --> [*]" for end in State if end.is_terminal)])
