"""Cut long text of a provider into several events, so that no message to a client outgrows what it accepts. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gateway.protocol.events import Chunk, Reasoning, ToolCall
from gateway.upstreams.base import UpstreamEvent

MAX_CHARS = 8192
"""Maximum characters of one event of text. In JSON a character takes one to six bytes."""


def cut_long(events: Sequence[UpstreamEvent]) -> Iterator[UpstreamEvent]:
    """Yield events, with text or arguments of more than `MAX_CHARS` cut into several events."""
    for event in events:
        if isinstance(event, Chunk | Reasoning):
            if len(event.content) > MAX_CHARS:
                yield from map(type(event), _cut(event.content))
                continue
        elif isinstance(event, ToolCall) and len(event.arguments) > MAX_CHARS:
            first, *others = _cut(event.arguments)
            yield ToolCall(event.index, event.id, event.name, first, event.signature)
            yield from (ToolCall(event.index, None, None, piece) for piece in others)
            continue
        yield event


def _cut(text: str) -> list[str]:
    return [text[start:end] for start, end in pairwise([*range(0, len(text), MAX_CHARS), len(text)])]
