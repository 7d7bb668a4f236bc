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
    the generation is taken. `details` is what `encode_details` returned, `version` counts how often it has changed;
    `facts` is known at the start and never changes (`gateway.replicas.logs.facts`). Both are None unless asked for.
    """

    generation_id: str
    owner: str
    fence: int
    last: int
    ended: bool
    version: int = 0
    details: bytes | None = None
    facts: bytes | None = None


class Append(NamedTuple):
    """Events that follow what is stored. `details` None: as before. `keep`: how long all of it is kept, in seconds.

    Until the end it may be kept only half as long: then not each batch has to say so.
    """

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


class Position(NamedTuple):
    """What a reader has of a generation: events up to `last`, and the details of this version; -1: nothing at all."""

    last: int = 0
    version: int = -1


class LogPart(NamedTuple):
    """What a reader lacks of a generation: the events after its position, and the head at the same moment.

    `damage` tells why events can't be decoded: they are damaged, or of a version that is not known here.

    The head has details if their version is another one, and facts if the reader had nothing at all. A batch that was
    sent again with more in it, because its reply was lost, is read twice: the reader skips what it has.
    """

    head: Head
    entries: Sequence[Entry]
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Take:
    """Set `owner` as the owner of a generation, if `former` owns it with this `fence`."""

    generation_id: str
    former: str
    fence: int
    owner: str


class LogStore(Protocol):
    """Logs by generation id. Every method may raise `StoreError`; then it is not known whether it was done."""

    async def create(self, head: Head, entries: Sequence[Entry], keep: float, prompt: bytes = b"") -> bool:
        """Store a new generation with its first events; return False, and change nothing, if another one has its id.

        The same owner may do it again, with all events since the first, because its reply was lost. `prompt` is the
        conversation, if another gateway shall be able to continue the generation.
        """
        ...

    async def append(self, appends: Sequence[Append], wakes: Mapping[str, bytes] | None = None) -> Sequence[Appended]:
        """Append events; return a result for each. `wakes` are messages to gateways, which are sent afterwards.

        A batch that is stored already, because its reply was lost, is not stored twice; its details are. With the
        terminal event, the prompt is dropped.
        """
        ...

    async def read(self, positions: Mapping[str, Position], *, is_large: bool = False) -> Mapping[str, LogPart]:
        """Return what follows a position of each generation; unknown generations are left out.

        `is_large`: it may be much, and must not delay other calls.
        """
        ...

    async def prompt(self, generation_id: str) -> bytes:
        """Return the conversation of a generation; b"" without one, or if it has ended or is unknown."""
        ...

    async def take(self, takes: Sequence[Take]) -> Sequence[Head | None]:
        """Change the owner of generations, ended ones too; return the head of each as it is then.

        Only one of several gateways that try gets it, with the fence it had and 1: the head says who. None: the
        generation is unknown.
        """
        ...

    async def owned(self, owner: str) -> Sequence[str]:
        """Return the ids of the generations that a gateway owns and that have not ended."""
        ...

    async def delete(self, generation_id: str) -> None:
        """Delete a generation; an unknown one is ignored."""
        ...
