"""What projections read of the entries of a log without decoding them. Pure."""

from typing import Final

from gateway.protocol.events import TEXT_PREFIX, Chunk, Part, Reasoning, SignedReasoning, ToolCall

CONTENT: Final = frozenset({Chunk, Reasoning, SignedReasoning, ToolCall, Part})
"""Kinds of entries that hold content of the answer."""

TEXT_AT: Final = len(TEXT_PREFIX[Chunk])
"""Where the JSON string of a text begins in the data of its entry; behind it is one brace."""

REASONING_AT: Final = len(TEXT_PREFIX[Reasoning])
"""The same for reasoning."""
