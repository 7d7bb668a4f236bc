"""What an answer's current revision consists of, joined from its events, and as the message of the next turn. Pure."""

from dataclasses import replace

from gateway.protocol.events import Chunk, Event, Feedback, Gap, Part, Reasoning, Revision, SignedReasoning, ToolCall

Message = dict[str, object]


class AnswerContent:
    """Text, reasoning, tool calls and parts of the current revision.

    One thread may read it while another applies events.
    """

    def __init__(self) -> None:
        self.earlier: list[Message] = []
        """What feedback has replaced: each revision's message, if it has content, and the feedback as a user's."""
        self._feedback: dict[str, str] = {}
        self._clear()

    def _clear(self) -> None:
        self.parts: list[Part] = []
        self._text: list[str] = []
        self._tool_calls: dict[int, ToolCall] = {}
        self._arguments: dict[int, list[str]] = {}
        self._reasoning: list[str | SignedReasoning | Part] = []

    @property
    def text(self) -> str:
        """Return the text."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """Return the readable reasoning."""
        return "".join(piece for piece in self._reasoning if isinstance(piece, str))

    @property
    def tool_calls(self) -> list[ToolCall]:
        """Return the tool calls, each with its whole arguments, in the order of their indices."""
        return [
            replace(call, arguments="".join(self._arguments[index])) for index, call in sorted(self._tool_calls.items())
        ]

    def receive(self, event: Event) -> None:
        """Apply an event."""
        match event:
            case Chunk(content=content):
                _append(self._text, content)
            case Reasoning(content=content):
                self._reasoning.append(content)
            case SignedReasoning(content=content):
                self._reasoning += [content, event]
            case ToolCall():
                self._add_tool_call(event)
            case Part():
                self.parts.append(event)
                if event.kind == "redacted_reasoning":
                    self._reasoning.append(event)
            case Gap(text=text):
                self._text = [text]
            case Feedback(feedback_id=feedback_id, text=str(text)):
                self._feedback[feedback_id] = text
            case Revision(feedback_id=feedback_id):
                self._begin_again(feedback_id)
            case _:
                pass

    def message(self) -> Message:
        """Return the assistant message with which this answer is given back in the next turn.

        Reasoning and its signatures are in `reasoning_details`. Parts that providers do not take back are left out.
        """
        calls = [_as_request(call) for call in self.tool_calls]
        details = self._reasoning_details()
        message: Message = {"role": "assistant", "content": self.text if self.text or not calls else None}
        if calls:
            message["tool_calls"] = calls
        if details:
            message["reasoning_details"] = details
        return message

    def messages(self) -> list[Message]:
        """Return the messages to append to a conversation: what feedback replaced, the feedback, and this answer.

        An answer without any content has none.
        """
        message = self.message()
        return [*self.earlier, message] if _has_content(message) else [*self.earlier]

    def _begin_again(self, feedback_id: str | None) -> None:
        # A revision without feedback is a failover: the text of the upstream that failed is void.
        feedback = self._feedback.pop(feedback_id, None) if feedback_id is not None else None
        if feedback is not None:
            # A call that was replaced has no result, and providers refuse a call without one.
            message = {name: value for name, value in self.message().items() if name != "tool_calls"}
            self.earlier += [message] if _has_content(message) else []
            self.earlier.append({"role": "user", "content": feedback})
        self._clear()

    def _add_tool_call(self, delta: ToolCall) -> None:
        call = self._tool_calls.setdefault(delta.index, delta)
        self._arguments.setdefault(delta.index, []).append(delta.arguments)
        self._tool_calls[delta.index] = replace(
            call, id=call.id or delta.id, name=call.name or delta.name, signature=delta.signature or call.signature
        )

    def _reasoning_details(self) -> list[Message]:
        """Return the reasoning in OpenRouter's form: a signature ends a block of text, and belongs to it."""
        details: list[Message] = []
        text: list[str] = []
        for piece in self._reasoning:
            if isinstance(piece, str):
                text.append(piece)
                continue
            if isinstance(piece, SignedReasoning):
                signed = {"signature": piece.signature, "format": piece.format}
                details.append({"type": "reasoning.text", "text": "".join(text), **signed})
            else:
                details += [*_unsigned(text), {"type": "reasoning.encrypted", **piece.fields}]
            text = []
        return details + _unsigned(text)


def _has_content(message: Message) -> bool:
    return bool(message["content"] or "tool_calls" in message)


def _append(pieces: list[str], piece: str) -> None:
    """Append text. Pieces of similar length are joined, so that there are few, and each character is copied rarely."""
    pieces.append(piece)
    while len(pieces) > 1 and len(pieces[-1]) >= len(pieces[-2]):
        pieces[-2:] = ["".join(pieces[-2:])]  # in one step: another thread may be reading


def _unsigned(text: list[str]) -> list[Message]:
    joined = "".join(text)
    return [{"type": "reasoning.text", "text": joined}] if joined else []


def _as_request(call: ToolCall) -> Message:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    message: Message = {"id": call.id, "type": "function", "function": function}
    return message if call.signature is None else {**message, "signature": call.signature}
