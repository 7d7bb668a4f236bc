"""The port of stored logs: one log for each generation, with its owner and a fence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from gateway.generation.event_log import Entry


@dataclass(frozen=True, slots=True)
class Head:
    """What is stored of a generation beside its events.

    `owner` is the gateway that runs it; only that one appends, and only with the same `fence`, which grows each time
    the owner changes. `details` is what `encode_details` returned, `facts` what is known at its start and never changes
    (`gateway.replicas.facts`).
    """

    generation_id: str
    owner: str
    fence: int
    last: int
    ended: bool
    details: bytes
    facts: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """Events that follow what is stored. `details` None: as before. `keep`: how long all of it is kept, in seconds."""

    generation_id: str
    owner: str
    fence: int
    entries: Sequence[Entry]
    keep: float
    details: bytes | None = None


class Appended(StrEnum):
    """Result of an append: stored (also if it was stored before), fenced (another owner), or missing (no such log)."""

    STORED = "stored"
    FENCED = "fenced"
    MISSING = "missing"


class LogPart(NamedTuple):
    """The events of a generation after a sequence number, and its head at the same moment."""

    head: Head
    entries: Sequence[Entry]


class LogStore(Protocol):
    """Logs by generation id. Every method may raise `StoreError`; then it is not known whether it was done."""

    async def create(self, head: Head, entries: Sequence[Entry], keep: float) -> bool:
        """Store a new generation with its first events; return False, and change nothing, if its id is known."""
        ...

    async def append(self, appends: Sequence[Append], wakes: Mapping[str, bytes] | None = None) -> Sequence[Appended]:
        """Append events; return a result for each. `wakes` are messages to gateways, which are sent afterwards.

        A batch that is stored already, because its reply was lost, is not stored twice.
        """
        ...

    async def read(self, positions: Mapping[str, int]) -> Mapping[str, LogPart]:
        """Return what follows a sequence number of each generation; unknown generations are left out."""
        ...

    async def take(self, generation_id: str, former: str, owner: str) -> Head | None:
        """Set `owner` as the owner of a generation that has not ended, in place of `former`; return its new head.

        Only one of several gateways that try gets it: the head says which. None: the generation is unknown.
        """
        ...

    async def owned(self, owner: str) -> Sequence[str]:
        """Return the ids of the generations that a gateway owns and that have not ended."""
        ...

    async def delete(self, generation_id: str) -> None:
        """Delete a generation; an unknown one is ignored."""
        ...
