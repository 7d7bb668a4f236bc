"""Count the content of one generation, and keep it below its size limit. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.protocol.events import Chunk, Content, Part, Reasoning, TextBatch, ToolCall, Verbatim, is_delta

_TEXT: Final = (Chunk, Reasoning)

_BESIDE_TEXT: Final = frozenset({"citation", "redacted_reasoning", "logprobs"})
"""Kinds of parts without which a text can be continued: they belong to what came before them."""

_NEVER: Final = object()
"""In place of what can be joined, after an event with which nothing can be."""

VERBATIM_FACTOR: Final = 4
"""How many times the limit of the content the provider's own data may take that is kept beside it."""

FRAME_BYTES: Final = 64
"""Bytes added to the size for each event that can't be joined with the one before it: many tiny events stay bounded."""


def utf8_length(text: str) -> int:
    """Return the length of a text in UTF-8 bytes."""
    return len(text.encode())


class ContentCounter:
    """Counts chunks, characters and bytes of content; `limit` is the maximum `size`.

    `text_bytes` is the UTF-8 length of all text: that of the answer, of its reasoning, and of its tool calls. `size`
    adds parts and signatures, and `FRAME_BYTES` for each event that the log can't join with its predecessor.
    `verbatim_bytes` is the provider's own data beside it; its limit is `VERBATIM_FACTOR` times as high.
    `is_only_text`: since `start_text` nothing has come but text and what belongs to it: no tool call, no image, no tool
    of the provider, which another upstream that continues the text would not know.
    """

    __slots__ = ("chars", "chunks", "is_only_text", "last", "limit", "size", "text_bytes", "verbatim_bytes")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.chunks = self.chars = self.size = self.text_bytes = self.verbatim_bytes = 0
        self.is_only_text = True
        self.last: object = None
        """What the next event must equal to be joined: the kind of a text, the index of a tool call's arguments."""

    def start_text(self) -> None:
        """Forget the tool calls and parts of the text before: a new text begins."""
        self.is_only_text = True

    def add(self, content: Sequence[Content | TextBatch | Verbatim]) -> int | None:
        """Count content, all or nothing; return its UTF-8 bytes, or None if it would grow past the limit.

        This runs for each read from a provider: the counts are kept in local variables, and stored once.
        """
        size, text_bytes, chunks, chars = self.size, self.text_bytes, self.chunks, self.chars
        last, is_only_text, verbatim_bytes = self.last, self.is_only_text, self.verbatim_bytes
        for item in content:
            if type(item) is Verbatim:
                verbatim_bytes += FRAME_BYTES + len(item)
                continue
            event, pieces = (item.text, len(item.ends)) if isinstance(item, TextBatch) else (item, 1)
            kind: type[Content] = type(event)
            if isinstance(event, _TEXT):
                if last is not kind and last is not None:
                    size += FRAME_BYTES
                last = kind
                text = event.content
                # ASCII is known without encoding: most text of most languages' markup and code.
                length = len(text) if text.isascii() else len(text.encode())
                if kind is Chunk:
                    chunks += pieces
                    chars += len(text)
            elif isinstance(event, ToolCall):
                is_only_text = False
                key = event.index if is_delta(event) else _NEVER
                if key is _NEVER or key != last:
                    size += FRAME_BYTES
                last = key
                length = utf8_length(event.arguments) + utf8_length(event.name or "") + utf8_length(event.id or "")
                size += utf8_length(event.signature or "")
            elif isinstance(event, Part):
                is_only_text, length, last = is_only_text and event.kind in _BESIDE_TEXT, 0, _NEVER
                size += FRAME_BYTES + event.size
            else:
                length, last = 0, _NEVER
                size += FRAME_BYTES + utf8_length(event.signature)
            size += length
            text_bytes += length
        if size > self.limit or verbatim_bytes > VERBATIM_FACTOR * self.limit:
            return None
        added = text_bytes - self.text_bytes
        self.size, self.text_bytes, self.chunks, self.chars = size, text_bytes, chunks, chars
        self.last, self.is_only_text, self.verbatim_bytes = last, is_only_text, verbatim_bytes
        return added
