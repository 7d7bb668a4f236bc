"""The generations that the process holds: running ones, and finished ones for as long as they are retained."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.admission.prompts import PromptReservation
from gateway.billing.budgets import BudgetCharge
from gateway.clock import RestartableTimer
from gateway.generation.generation import Generation
from gateway.pipeline.ended_pipeline import EndedPipeline
from gateway.pipeline.mirrors import Mirror
from gateway.pipeline.pipeline import Pipeline
from gateway.protocol.commands import OnDisconnect
from gateway.protocol.errors import Refused, forbidden, invalid, lost, out_of_scope
from gateway.protocol.events import Error
from gateway.security.principals import Principal
from gateway.telemetry.viewer_counts import NO_VIEWERS

IdempotencyKey = tuple[str, str]
"""A principal's id, and the key it sent: keys of different principals never meet."""

Alias = tuple[str, str]
"""A principal's id, and its own id for a generation: one principal never finds what another one has named."""

MAX_ALIASES: Final = 8
"""Maximum aliases of one generation: a request that is sent again names the same one, perhaps by another alias."""


@dataclass(eq=False, slots=True)
class Record:
    """A generation with what the hub keeps beside it. `task` is None once it has ended."""

    generation: Generation
    pipeline: Pipeline | EndedPipeline
    on_disconnect: OnDisconnect
    principal: Principal
    budget_charge: BudgetCharge
    reservation: PromptReservation
    """The memory of its prompt, until it ends."""
    timer: RestartableTimer
    """While it runs, the grace period after the last viewer left; afterwards, the retention."""
    retention: float
    """How long it is kept once it has ended, in seconds."""
    idempotency_key: IdempotencyKey | None = None
    fingerprint: bytes = b""
    """Hash of the start request, to compare with that of a later request with the same key."""
    task: asyncio.Task[None] | None = None
    viewers: int = 0
    was_viewed: bool = False
    """It has had a viewer."""
    views: Mapping[str, int] = field(default_factory=lambda: NO_VIEWERS)
    """Number of clients that have viewed it here, by transport."""
    resumes: int = 0
    """Number of these clients that had read a part before."""
    aliases: tuple[Alias, ...] = ()
    """In the order they were given."""
    is_surrendered: bool = False
    """Another gateway has taken it over."""
    held_bytes: int = 0
    """Bytes of its request that are kept beside it until it ends, which count as memory of its prompt."""


class Records:
    """Records by generation id, idempotency key and alias. Finished ones make room for newer ones, oldest first."""

    def __init__(self, max_retained: int, max_retained_bytes: int) -> None:
        self._max_retained = max_retained
        self._max_retained_bytes = max_retained_bytes
        self._by_id: dict[str, Record] = {}
        self._by_idempotency_key: dict[IdempotencyKey, Record] = {}
        self._by_alias: dict[Alias, Record] = {}
        self._retained: OrderedDict[str, int] = OrderedDict()
        """Finished generations, oldest first, with the size that is counted for each."""
        self.retained_bytes = 0
        self.on_forget: list[Callable[[str], None]] = []
        """Called with the id of each finished generation that is dropped."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._by_id.values())

    @property
    def running(self) -> int:
        """Return the number of generations that have not ended, queued ones included."""
        return len(self._by_id) - len(self._retained)

    def add(self, record: Record) -> None:
        """Add a generation that begins."""
        self._by_id[record.generation.id] = record
        if record.idempotency_key is not None:
            self._by_idempotency_key[record.idempotency_key] = record

    def add_alias(self, generation_id: str, alias: Alias) -> str | None:
        """Name a generation that `find` would return; return the id of what the alias named before, if it did.

        One that has had the name keeps or has lost it: its request was sent again. Of many names, the oldest is lost.
        """
        record, before = self._by_id[generation_id], self._by_alias.get(alias)
        if alias in record.aliases:
            return None
        if len(record.aliases) >= MAX_ALIASES:
            self._remove_alias(record, record.aliases[0])
        record.aliases += (alias,)
        self._by_alias[alias] = record
        return None if before is None else before.generation.id

    def find_by_alias(self, alias: Alias) -> Record | None:
        """Return the record that an alias names; None if there is none, or it is no longer retained."""
        return self._by_alias.get(alias)

    def get(self, generation_id: str) -> Record | None:
        """Return a record, without any check; None if it is unknown."""
        return self._by_id.get(generation_id)

    def find(self, generation_id: str, principal: Principal) -> Record:
        """Return the record of a generation that the principal may read.

        Raises:
            Refused: `generation_lost`, also for a generation of another principal: ids can't be probed.
        """
        record = self._by_id.get(generation_id)
        if record is None or not may_read(principal, record):
            raise lost(generation_id)
        return record

    def running_for(self, principal: Principal) -> list[Generation]:
        """Return the generations that the principal may read and that have not ended, newest first."""
        return [record.generation for record in self.running_records() if may_read(principal, record)]

    def running_records(self) -> Iterator[Record]:
        """Return the records of what has not ended, newest first."""
        return (record for record in reversed(self._by_id.values()) if record.generation.end is None)

    def find_for_command(self, generation_id: str, principal: Principal) -> Record:
        """Return the record of a generation that the principal may interrupt and give feedback to.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        record = self.find(generation_id, principal)
        check_command(principal, record)
        return record

    def started_with(self, key: IdempotencyKey, fingerprint: bytes) -> Record | None:
        """Return the record that an idempotency key started before; None if the key is new.

        A key is new again once its generation has ended in an error after which a retry may succeed: a client that
        retries with the same key wants an answer, not the error again.

        Raises:
            Refused: `invalid_request` with status 409: it was started with another request.
        """
        record = self._by_idempotency_key.get(key)
        if record is not None and record.fingerprint != fingerprint:
            raise key_conflict()
        end = None if record is None else record.generation.end
        return None if isinstance(end, Error) and end.retryable else record

    def retain(self, generation: Generation) -> None:
        """Count the size of a finished generation, again after a note has made it grow; the oldest make room."""
        size = generation.size
        self.retained_bytes += size - self._retained.get(generation.id, 0)
        self._retained[generation.id] = size
        while len(self._retained) > self._max_retained or self.retained_bytes > self._max_retained_bytes:
            self.forget(next(iter(self._retained)))

    def is_retained(self, generation_id: str) -> bool:
        """Return True if a generation has finished and is retained."""
        return generation_id in self._retained

    def forget(self, generation_id: str) -> None:
        """Remove a finished generation."""
        self.remove(generation_id)
        for callback in self.on_forget:
            callback(generation_id)

    def remove(self, generation_id: str) -> None:
        """Remove a generation in any state, without calling `on_forget`."""
        record = self._by_id.pop(generation_id)
        record.timer.cancel()
        self.retained_bytes -= self._retained.pop(generation_id, 0)
        # The key may have started another generation since.
        key = record.idempotency_key
        if key is not None and self._by_idempotency_key.get(key) is record:
            del self._by_idempotency_key[key]
        for alias in record.aliases:
            self._remove_alias(record, alias)

    def _remove_alias(self, record: Record, alias: Alias) -> None:
        record.aliases = tuple(other for other in record.aliases if other != alias)
        if self._by_alias.get(alias) is record:
            del self._by_alias[alias]


def key_conflict() -> Refused:
    """Build the refusal of a request whose idempotency key was used for another one."""
    message = "This Idempotency-Key was used for a different request: use a new key for a new request."
    return invalid(message, param="idempotency_key", status=409)


def may_read(principal: Principal, record: Record | Mirror) -> bool:
    """Return True if a principal may read a generation."""
    scope = principal.generation_scope
    if scope is not None and scope.generation_id != record.generation.id:
        return False
    return record.principal.id == principal.id or principal.observes


def check_command(principal: Principal, record: Record | Mirror) -> None:
    """Check that a principal may interrupt a generation and give it feedback.

    Raises:
        Refused: `generation_lost` or `forbidden`.
    """
    if not may_read(principal, record):
        raise lost(record.generation.id)
    if not (record.principal.id == principal.id or principal.operates):
        # The principal may read it, so its existence is no secret.
        raise forbidden("operate")
    if principal.generation_scope is not None and not principal.generation_scope.commands:
        raise out_of_scope()
