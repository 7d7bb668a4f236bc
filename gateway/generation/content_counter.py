"""Count the content of one generation, and keep it below its size limit. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.protocol.events import Chunk, Content, TextBatch, ToolCall

FRAME_BYTES: Final = 64
"""Bytes added to the size for each event that can't be joined with the one before it: many tiny events stay bounded."""


def utf8_length(text: str) -> int:
    """Return the length of a text in UTF-8 bytes."""
    return len(text.encode())


class ContentCounter:
    """Counts chunks, characters and bytes of content; `limit` is the maximum `size`.

    `text_bytes` is the UTF-8 length of all content. `size` adds `FRAME_BYTES` for each event that can't be joined with
    its predecessor. `has_tool_calls`: a tool call has come since `start_text`.
    """

    __slots__ = ("_last_kind", "chars", "chunks", "has_tool_calls", "limit", "size", "text_bytes")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.chunks = self.chars = self.size = self.text_bytes = 0
        self.has_tool_calls = False
        self._last_kind: type[Content] | None = None

    def start_text(self) -> None:
        """Forget the tool calls of the text before: a new text begins."""
        self.has_tool_calls = False

    def add(self, content: Sequence[Content | TextBatch]) -> int | None:
        """Count content, all or nothing; return its UTF-8 bytes, or None if `size` would grow past the limit.

        This runs for each read from a provider: the counts are kept in local variables, and stored once.
        """
        size, text_bytes, chunks, chars = self.size, self.text_bytes, self.chunks, self.chars
        last_kind, has_tool_calls = self._last_kind, self.has_tool_calls
        for item in content:
            event, pieces = (item.text, len(item.ends)) if isinstance(item, TextBatch) else (item, 1)
            kind: type[Content] = type(event)
            if kind is ToolCall or (last_kind is not kind and last_kind is not None):
                size += FRAME_BYTES
            last_kind = kind
            if isinstance(event, ToolCall):
                has_tool_calls = True
                length = utf8_length(event.arguments) + utf8_length(event.name or "") + utf8_length(event.id or "")
            else:
                text = event.content
                # ASCII is known without encoding: most text of most languages' markup and code.
                length = len(text) if text.isascii() else len(text.encode())
                if kind is Chunk:
                    chunks += pieces
                    chars += len(text)
            size += length
            text_bytes += length
        if size > self.limit:
            return None
        added = text_bytes - self.text_bytes
        self.size, self.text_bytes, self.chunks, self.chars = size, text_bytes, chunks, chars
        self._last_kind, self.has_tool_calls = last_kind, has_tool_calls
        return added
