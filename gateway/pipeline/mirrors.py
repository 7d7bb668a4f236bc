"""Generations of other gateways that are read here: each is fed with the events that its owner has stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.generation.generation import Generation
from gateway.security.principals import Principal


@dataclass(eq=False, slots=True)
class Mirror:
    """A generation of another gateway. `owner` is the id of the gateway that runs it, or has run it to its end."""

    generation: Generation
    principal: Principal
    owner: str
    viewers: int = 0
    version: int = -1
    """Version of the details that the generation has; -1: none."""
    facts: bytes = b""
    """The encoded facts that are stored with it."""
    fence: int = 0
    """The fence of its owner."""
    known: int | None = None
    """Of one that ran here until another gateway took it: the number up to which the store has what the log has.

    What follows in the log is shown no further: events of the new owner come in its place.
    """
    used_at: float = 0.0
    """Time of the last request for it, in seconds of the gateway's clock."""


def _ignore(_mirror: Mirror) -> None:
    pass


@dataclass(slots=True)
class Mirrors:
    """Mirrors by generation id. The callbacks are called when the first viewer has come, and when the last has left."""

    on_viewed: Callable[[Mirror], None] = _ignore
    on_left: Callable[[Mirror], None] = _ignore
    by_id: dict[str, Mirror] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[Mirror]:
        return iter(tuple(self.by_id.values()))

    def get(self, generation_id: str) -> Mirror | None:
        """Return a mirror; None without one."""
        return self.by_id.get(generation_id)

    def add(self, mirror: Mirror) -> None:
        """Add a mirror."""
        self.by_id[mirror.generation.id] = mirror

    def remove(self, generation_id: str) -> None:
        """Remove a mirror; without one it does nothing."""
        self.by_id.pop(generation_id, None)

    def add_viewer(self, mirror: Mirror) -> None:
        """Count a viewer."""
        mirror.viewers += 1
        if mirror.viewers == 1:
            self.on_viewed(mirror)

    def remove_viewer(self, mirror: Mirror) -> None:
        """Count a viewer as gone."""
        mirror.viewers -= 1
        if not mirror.viewers:
            self.on_left(mirror)
