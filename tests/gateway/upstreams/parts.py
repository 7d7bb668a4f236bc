"""What an answer brought, event by event."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gateway.events import Run
from gateway.upstreams.base import Part


def apart(parts: Sequence[Part]) -> Iterator[Part]:
    """Take runs of text apart into what the provider sent."""
    for part in parts:
        if isinstance(part, Run):
            cuts = pairwise((0, *part.ends))
            yield from (type(part.text)(part.text.content[start:end]) for start, end in cuts)
        else:
            yield part
