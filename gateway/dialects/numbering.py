"""Number the events of a projection, so that a client can come back to one of them. Pure.

A viewer that is behind gets text joined, and a log joins its own. The numbers must not depend on that, so text that was
joined is projected piece by piece, unless its client has all of it: then the pieces are counted.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import orjson

from gateway.dialects.base import ProjectedEvent, Projection
from gateway.generation.event_log import EPOCH_EVENTS, Entry

OWNER_NUMBERS: Final = 10_000_000
"""Distance between the numbers of events of two owners of one log (`EPOCH_EVENTS`).

A former owner may have sent events that were lost with it. What comes after them has other numbers, so that a client
that is ahead of what is kept gets all of it, and the end above all.
"""


class NumberedProjection:
    """A projection from the beginning of a log, whose events are counted. `count` is the number of those so far.

    The first `skip` events are left out: its client has them. `is_dense`: the client itself counts what it receives, so
    no number may be missing. If it is ahead where the owner of the log has changed, it gets all that comes after that.
    """

    def __init__(self, projection: Projection, skip: int = 0, *, is_dense: bool = False) -> None:
        self._projection = projection
        self._skip = skip
        self._is_dense = is_dense
        self._epoch = 0
        self.count = 0

    @property
    def is_cut(self) -> bool:
        """See `Projection.is_cut`."""
        return self._projection.is_cut

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """Return the events that an entry stands for. The last of them has the number `count` - 1."""
        if entry.first > (self._epoch + 1) * EPOCH_EVENTS:
            self._begin_epoch((entry.first - 1) // EPOCH_EVENTS)
        if not entry.ends:
            return self._shown(self._projection.project(entry))
        if self.count >= self._skip or not _all_have_text(entry):
            return self._one_by_one(pieces_of(entry))
        before, events, rest = 0, list[ProjectedEvent](), entry
        # The first piece opens what the others stand in: each of those stands for as many events as the second one.
        for _ in range(2):
            before, (first, others) = self.count, _split_first(rest)
            events += self._one_by_one((first,))
            if others is None:
                return events
            rest = others
        count = self.count + (self.count - before) * len(rest.ends)
        if count > self._skip:
            return [*events, *self._one_by_one(pieces_of(rest))]
        self._projection.project(rest)
        self.count = count
        return events

    def _begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        if self._is_dense:
            self._skip = min(self._skip, self.count)
        else:
            self.count = max(self.count, epoch * OWNER_NUMBERS)

    def _one_by_one(self, pieces: Iterable[Entry]) -> Sequence[ProjectedEvent]:
        return [event for piece in pieces for event in self._shown(self._projection.project(piece))]

    def _shown(self, events: Sequence[ProjectedEvent]) -> Sequence[ProjectedEvent]:
        """Count events, and return those that are not skipped."""
        before = self.count
        self.count += len(events)
        return events if before >= self._skip else events[self._skip - before :]


def count_events(projection: Projection, entries: Iterable[Entry]) -> int:
    """Return how many events the entries of a log stand for, from its beginning, without a missing number."""
    numbered = NumberedProjection(projection, sys.maxsize, is_dense=True)
    for entry in entries:
        numbered.project(entry)
    return numbered.count


def pieces_of(entry: Entry) -> Iterator[Entry]:
    """Yield the events of an entry of joined text, or of joined arguments of a tool call, each as one entry."""
    text, prefix = entry.text, entry.head[:-1]
    for number, (start, end) in enumerate(pairwise((0, *entry.ends)), entry.first):
        yield Entry(number, number, entry.kind, b"%b%b}" % (prefix, orjson.dumps(text[start:end])))


def _split_first(entry: Entry) -> tuple[Entry, Entry | None]:
    """Return the first event of an entry of joined text, and the others as one entry."""
    text, prefix, end = entry.text, entry.head[:-1], entry.ends[0]
    first = Entry(entry.first, entry.first, entry.kind, b"%b%b}" % (prefix, orjson.dumps(text[:end])))
    if len(entry.ends) == 1:
        return first, None
    ends = array("I", [other - end for other in entry.ends[1:]])
    rest = Entry(entry.first + 1, entry.last, entry.kind, b"%b%b}" % (prefix, orjson.dumps(text[end:])))
    return first, rest._replace(ends=ends)


def _all_have_text(entry: Entry) -> bool:
    return all(start < end for start, end in pairwise((0, *entry.ends)))
