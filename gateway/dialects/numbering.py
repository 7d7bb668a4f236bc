"""Number the events of a projection, so that a client can come back to one of them. Pure.

A viewer that is behind gets text joined, and a log joins its own. The numbers must not depend on that, so text that was
joined is projected piece by piece.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import orjson

from gateway.dialects.base import ProjectedEvent, Projection
from gateway.generation.event_log import Entry


class NumberedProjection:
    """A projection from the beginning of a log, whose events are counted. `count` is the number of those so far."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self.count = 0

    @property
    def is_cut(self) -> bool:
        """See `Projection.is_cut`."""
        return self._projection.is_cut

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """Return the events that an entry stands for. The last of them has the number `count` - 1."""
        project = self._projection.project
        events = project(entry) if not entry.ends else [e for piece in pieces_of(entry) for e in project(piece)]
        self.count += len(events)
        return events


def pieces_of(entry: Entry) -> Iterator[Entry]:
    """Yield the events of an entry of joined text, or of joined arguments of a tool call, each as one entry."""
    text, prefix = entry.text, entry.head[:-1]
    for number, (start, end) in enumerate(pairwise((0, *entry.ends)), entry.first):
        yield Entry(number, number, entry.kind, b"%b%b}" % (prefix, orjson.dumps(text[start:end])))
