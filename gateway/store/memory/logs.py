"""Logs in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.clock import Clock
from gateway.generation.event_log import Entry
from gateway.store.entries import decode_entries, encode_entries
from gateway.store.logs import Append, Appended, Head, LogPart, Position, Take
from gateway.store.memory.messages import MemoryMessages


@dataclass(slots=True)
class _Stored:
    head: Head
    batches: list[tuple[int, bytes]]
    """Batches with the number of their last event."""
    expires: float
    prompt: bytes


class MemoryLogs:
    """Logs by generation id. Batches are encoded, as they are in a store outside of the process."""

    def __init__(self, clock: Clock, messages: MemoryMessages) -> None:
        self._clock = clock
        self._messages = messages
        self._stored: dict[str, _Stored] = {}

    async def create(self, head: Head, entries: Sequence[Entry], keep: float, prompt: bytes = b"") -> bool:
        """Store a new generation with its first events; return False, and change nothing, if another one has its id."""
        last, known = entries[-1].last, self._find(head.generation_id)
        if known is not None and (known.head.owner, known.head.fence) != (head.owner, head.fence):
            return False
        if known is not None and known.head.last >= last:
            return True
        stored = _Stored(head, [(last, encode_entries(entries))], self._clock.now() + keep, prompt)
        stored.head = replace(head, last=last)
        self._stored[head.generation_id] = stored
        return True

    async def append(self, appends: Sequence[Append], wakes: Mapping[str, bytes] | None = None) -> Sequence[Appended]:
        """Append events; return a result for each, and send `wakes` afterwards."""
        results = [self._append(append) for append in appends]
        await self._messages.send(list((wakes or {}).items()))
        return results

    async def read(self, positions: Mapping[str, Position], *, is_large: bool = False) -> Mapping[str, LogPart]:
        """Return what follows a position of each generation; unknown generations are left out."""
        found = {name: stored for name in positions if (stored := self._find(name)) is not None}
        return {name: _part(stored, positions[name]) for name, stored in found.items()}

    async def prompt(self, generation_id: str) -> bytes:
        """Return the conversation of a generation; b"" without one."""
        stored = self._find(generation_id)
        return b"" if stored is None else stored.prompt

    async def take(self, takes: Sequence[Take]) -> Sequence[Head | None]:
        """Change the owner of generations; return the head of each as it is then."""
        return [self._take(take) for take in takes]

    async def owned(self, owner: str) -> Sequence[str]:
        """Return the ids of the generations that a gateway owns and that have not ended."""
        return [
            name
            for name in tuple(self._stored)
            if (stored := self._find(name)) is not None and stored.head.owner == owner and not stored.head.ended
        ]

    async def delete(self, generation_id: str) -> None:
        """Delete a generation; an unknown one is ignored."""
        self._stored.pop(generation_id, None)

    def _append(self, append: Append) -> Appended:
        stored = self._find(append.generation_id)
        if stored is None:
            return Appended.MISSING
        head = stored.head
        if (head.owner, head.fence) != (append.owner, append.fence):
            return Appended.FENCED
        if append.entries and append.entries[-1].last > head.last:
            last = append.entries[-1].last
            stored.batches.append((last, encode_entries(append.entries)))
            head = replace(head, last=last, ended=append.entries[-1].is_end)
        if head.ended:
            stored.prompt = b""
        if append.details is not None:
            head = replace(head, details=append.details, version=head.version + 1)
        stored.head = head
        stored.expires = self._clock.now() + append.keep
        return Appended.STORED

    def _take(self, take: Take) -> Head | None:
        stored = self._find(take.generation_id)
        if stored is None:
            return None
        if (stored.head.owner, stored.head.fence) == (take.former, take.fence):
            stored.head = replace(stored.head, owner=take.owner, fence=take.fence + 1)
        return replace(stored.head, details=None, facts=None)

    def _find(self, generation_id: str) -> _Stored | None:
        stored = self._stored.get(generation_id)
        if stored is not None and stored.expires <= self._clock.now():
            del self._stored[generation_id]
            return None
        return stored


def _part(stored: _Stored, position: Position) -> LogPart:
    head = stored.head
    details = None if position.version == head.version else head.details
    facts = head.facts if position.version < 0 else None
    head = replace(head, details=details, facts=facts)
    try:
        batches = [decode_entries(data) for last, data in stored.batches if last > position.last]
    except ValueError as error:
        return LogPart(head, (), str(error))
    return LogPart(head, [entry for batch in batches for entry in batch if entry.last > position.last])
