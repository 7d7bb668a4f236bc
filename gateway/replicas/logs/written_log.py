"""A generation of this gateway, as far as it is stored; and what the next batch of it is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.generation.generation import Generation
from gateway.generation.log_entries import Entry, join_text, merge
from gateway.pipeline.handover import Terms

BATCH_BYTES: Final = 256 * 1024
"""About the maximum size of one batch of one log: a long one, after an outage, is written in several."""

KEEP_SECONDS: Final = 3600.0
"""How long a generation that has not ended is kept after its last batch, in case that no gateway ends it."""

DELETED_SECONDS: Final = 5.0
"""How long the end of a generation that was deleted while it ran is kept, for viewers on other gateways."""


@dataclass(eq=False, slots=True)
class WrittenLog:
    """A generation and the number of its last stored event. `watchers` are the gateways with viewers of it."""

    generation: Generation
    terms: Terms
    fence: int = 0
    stored: int = 0
    is_created: bool = False
    is_forgotten: bool = False
    """It is not retained here any more, and still to be stored."""
    is_removed: bool = False
    """It is written no longer."""
    is_deleted: bool = False
    """A client has deleted it; it runs to its end, which is not kept."""
    watchers: set[str] = field(default_factory=set)
    details: int = 0
    """Number of changes of the details that no event tells, such as a note after the end."""
    details_stored: int = 0
    written_at: float = 0.0
    """Time of the last write, in seconds of the gateway's clock."""
    unwritten_since: float | None = None
    """Since when something is not stored; None if all is, or if it was not noticed yet."""

    @property
    def is_dirty(self) -> bool:
        """Return True if something is not stored yet."""
        return self.lacks(self.generation.log.last_event)

    def lacks(self, last: int) -> bool:
        """Return True if something up to an event is not stored yet."""
        return last > self.stored or self.details > self.details_stored or not self.is_created

    @property
    def keep(self) -> float:
        """Return how long the store keeps it from now on, in seconds."""
        if not self.generation.log.ended:
            return KEEP_SECONDS
        return DELETED_SECONDS if self.is_deleted else max(1.0, self.terms.retention)

    def next_batch(self) -> Sequence[Entry]:
        """Return events that are not stored yet, in order, with adjacent text joined; the rest needs another batch."""
        entries = self.generation.log.since(self.stored)
        if len(entries) <= 1:
            return entries
        # Most batches.
        text = join_text(entries, with_ends=True)
        if text is not None:
            return (text,)
        batch: list[Entry] = []
        size = 0
        for entry in merge(entries, with_ends=True):
            batch.append(entry)
            size += size_of(entry)
            if size > BATCH_BYTES:
                break
        return batch


def size_of(entry: Entry) -> int:
    """Return the size of an entry as it is stored, about."""
    return len(entry.data) if entry.verbatim is None else len(entry.data) + len(entry.verbatim)
