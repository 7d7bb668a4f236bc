"""Content of a log as the blocks of a message. Pure."""

from typing import Final

from gateway.dialects.anthropic.calls import Calls
from gateway.dialects.anthropic.parts import signature_of, write_part
from gateway.dialects.anthropic.writer import EventWriter
from gateway.dialects.entries import REASONING_AT, TEXT_AT
from gateway.generation.event_log import Entry
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall

_LOGPROBS: Final = b'{"type":"part","kind":"logprobs"'
_REDACTED: Final = b'{"type":"part","kind":"redacted_reasoning"'


class Content:
    """Writes content. `shows_thinking`: programs that did not ask for it take the first block for the text."""

    def __init__(self, writer: EventWriter, *, shows_thinking: bool) -> None:
        self.text_head = b""
        """JSON of the next delta of text, up to its text; b"" if no block of text is open, or it is not ours."""
        self.refuses = False
        """The text is the model's refusal to answer."""
        self._writer = writer
        self._shows_thinking = shows_thinking
        self._calls = Calls(writer)

    def begin_text(self) -> None:
        """Begin another text."""
        self.text_head, self.refuses = b"", False
        self._calls.forget()

    def add(self, entry: Entry) -> None:
        """Write an entry of content."""
        self.text_head = b""
        if entry.kind is ToolCall:
            self._add_call(entry)
        elif entry.kind is Part and entry.data.startswith(_LOGPROBS):
            # This API has none.
            return
        elif not self._shows_thinking and _is_thinking(entry):
            self._writer.start_message()
        else:
            self._calls.forget()
            self._add_block(entry)

    def _add_call(self, entry: Entry) -> None:
        head = entry.head
        if head and (index := _call_index(head)) is not None:
            self._calls.add_arguments(index, entry.data[len(head) : -2])
        elif isinstance(call := entry.event, ToolCall):
            self._calls.add(call)

    def _add_block(self, entry: Entry) -> None:
        writer = self._writer
        if entry.kind is Chunk:
            index = writer.enter("text")
            writer.text(index, entry.data[TEXT_AT:-1])
            self.text_head = writer.text_head(index)
        elif entry.kind is Reasoning:
            writer.text(writer.enter("thinking"), entry.data[REASONING_AT:-1])
        elif isinstance(event := entry.event, SignedReasoning):
            self._sign(event)
        elif isinstance(event, Part):
            self.refuses = self.refuses or event.kind == "refusal"
            write_part(writer, event)

    def _sign(self, event: SignedReasoning) -> None:
        """Write the signature of the thinking before it, which ends its block."""
        index = self._writer.enter("thinking")
        if event.content:
            self._writer.delta(index, {"type": "thinking_delta", "thinking": event.content})
        signature = signature_of(event.signature, event.format)
        self._writer.delta(index, {"type": "signature_delta", "signature": signature})
        self._writer.close(index)


def _is_thinking(entry: Entry) -> bool:
    """Return True for reasoning in any form."""
    return entry.kind in {Reasoning, SignedReasoning} or (entry.kind is Part and entry.data.startswith(_REDACTED))


def _call_index(head: bytes) -> int | None:
    """Return the index of the call that a piece of arguments belongs to, from the JSON before it."""
    digits = head.partition(b'"index":')[2].partition(b",")[0]
    return int(digits) if digits.isdigit() else None
