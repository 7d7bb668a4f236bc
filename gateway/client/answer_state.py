"""What is known of an answer after the last event that was returned."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from gateway.client.content import Message
from gateway.client.view import State, View
from gateway.protocol.events import Metrics, Part, Terminal, ToolCall, Usage
from gateway.protocol.position import format_position


class AnswerState(ABC):
    """The state of an answer. Any thread may read it."""

    def __init__(self, view: View) -> None:
        self._view = view

    @property
    def view(self) -> View:
        """Return the state that an answer shares with a synchronous one around it."""
        return self._view

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.position} {self.state}>"

    @property
    @abstractmethod
    def has_ended(self) -> bool:
        """Return True if no event follows: the last one was returned, or the answer was closed."""

    @property
    def id(self) -> str:
        """Return the generation's id."""
        return self._view.generation_id

    @property
    def seq(self) -> int:
        """Return the sequence number of the last event that was returned."""
        return self._view.seq

    @property
    def position(self) -> str:
        """Return the position of the last event that was returned: any viewer can resume there, on any transport."""
        return format_position(self.id, self.seq)

    @property
    def text(self) -> str:
        """Return the text of the current revision, up to the last event that was returned."""
        return self._view.content.text

    @property
    def reasoning(self) -> str:
        """Return the readable reasoning of the current revision."""
        return self._view.content.reasoning

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """Return the tool calls of the current revision, each with its whole arguments."""
        return self._view.content.tool_calls

    @property
    def parts(self) -> Sequence[Part]:
        """Return what else the current revision has: images, files, citations and so on."""
        return tuple(self._view.content.parts)

    @property
    def revision(self) -> int:
        """Return the current revision: 1, and one more with each feedback that was applied."""
        return self._view.revision

    @property
    def state(self) -> State:
        """Return the generation's state after the last event that was returned."""
        return self._view.state

    @property
    def terminal(self) -> Terminal | None:
        """Return the terminal event; None before it was returned."""
        return self._view.terminal

    @property
    def usage(self) -> Usage | None:
        """Return the tokens that the answer took, with those of earlier attempts; None before the terminal event."""
        return self.terminal.usage if self.terminal is not None else None

    @property
    def metrics(self) -> Metrics | None:
        """Return the gateway's measurements; None before the terminal event."""
        return self.terminal.metrics if self.terminal is not None else None

    def message(self) -> Message:
        """Return the assistant message that gives this answer back in the next turn, with its thinking signatures.

        It has what was received: after `attach` in the middle, only what came since.
        """
        return self._view.content.message()

    def messages(self) -> list[Message]:
        """Return the messages to append to the conversation: revisions that feedback replaced, then this answer."""
        return self._view.content.messages()
