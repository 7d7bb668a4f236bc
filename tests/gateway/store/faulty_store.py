"""A store that fails as the test says: before it does what it is asked, after that (the reply is lost), or later.

Each gateway of a test has one of its own around the store that they share, so that one of them can be cut off alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

from gateway.admission.slots import SlotState
from gateway.generation.event_log import Entry
from gateway.store.base import Store
from gateway.store.errors import StoreError, StoreFault
from gateway.store.logs import Append, Appended, Head, LogPart, Position, Take
from gateway.store.members import Membership
from gateway.store.slots import SlotAnswer, SlotClaim, SlotLimits, SlotView
from gateway.store.starts import LocalUse, SettlementBatch, StartAttempt, StartDecision

T = TypeVar("T")


class When(Enum):
    """When an operation fails: nothing is done, or it is done and its reply is lost."""

    BEFORE = auto()
    AFTER = auto()


@dataclass
class Faults:
    """What happens to operations. An operation is named by its role and method, `logs.append`, or its role, `logs`.

    `calls` lists the operations that were asked for, also those that failed; `large_reads` counts reads of that kind.
    """

    calls: list[str] = field(default_factory=list)
    large_reads: int = 0
    _failing: dict[str, tuple[StoreFault, When]] = field(default_factory=dict)
    _next: dict[str, tuple[StoreFault, When]] = field(default_factory=dict)
    _held: dict[str, asyncio.Event] = field(default_factory=dict)
    _late: set[str] = field(default_factory=set)
    _broken: list[asyncio.Future[None]] = field(default_factory=list)

    def fail(self, operation: str = "", fault: StoreFault = "unreachable", when: When = When.BEFORE) -> None:
        """Fail each call of an operation, of all operations by default, until `heal`. Those that wait fail now."""
        self._failing[operation] = (fault, when)
        if _covers(operation, "messages.receive"):
            self.reset()

    def fail_once(self, operation: str, fault: StoreFault = "timeout", when: When = When.AFTER) -> None:
        """Fail the next call of an operation; by default it is done, and its reply is lost."""
        self._next[operation] = (fault, when)

    def heal(self) -> None:
        """Fail nothing any more."""
        self._failing.clear()
        self._next.clear()

    def hold(self, operation: str = "") -> None:
        """Hold each call of an operation until `release`; then it is done."""
        self._held[operation] = asyncio.Event()

    def hold_reply(self, operation: str) -> None:
        """Hold the reply of the next call of an operation until `release`: the call itself is done."""
        self._late.add(operation)

    def release(self) -> None:
        """Carry out what was held, and deliver replies."""
        held, self._held = self._held, {}
        for event in held.values():
            event.set()

    def reset(self) -> None:
        """Fail the calls that wait for messages, as if their connections had been reset."""
        broken, self._broken = self._broken, []
        for future in broken:
            if not future.done():
                future.set_result(None)

    async def run(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """Call an operation, with the faults that were set."""
        self.calls.append(operation)
        for name in [name for name in self._held if _covers(name, operation)]:
            await self._held[name].wait()
        found = self._find(operation)
        if found is None:
            reply = await call()
            if operation in self._late:
                self._late.remove(operation)
                await self._held.setdefault(f"the reply to {operation}", asyncio.Event()).wait()
            return reply
        fault, when = found
        if when is When.AFTER:
            await call()
        raise StoreError(fault, f"the test fails {operation}")

    async def wait_for(self, call: Awaitable[T]) -> T:
        """Call an operation that waits; it fails when `reset` is called meanwhile.

        Raises:
            StoreError: unreachable.
        """
        broken = asyncio.get_running_loop().create_future()
        self._broken.append(broken)
        task = asyncio.ensure_future(call)
        try:
            await asyncio.wait({task, broken}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            message = "the test has reset the connection"
            raise StoreError("unreachable", message)
        finally:
            task.cancel()
            if broken in self._broken:
                self._broken.remove(broken)

    def _find(self, operation: str) -> tuple[StoreFault, When] | None:
        for name in tuple(self._next):
            if _covers(name, operation):
                return self._next.pop(name)
        return next((found for name, found in self._failing.items() if _covers(name, operation)), None)


def _covers(name: str, operation: str) -> bool:
    return name in {"", operation} or operation.startswith(f"{name}.")


class FaultyStore:
    """A store with faults. `inner` may be replaced by an empty one while gateways use it."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.faults = Faults()
        self.logs = FaultyLogs(self)
        self.members = FaultyMembers(self)
        self.messages = FaultyMessages(self)
        self.values = FaultyValues(self)
        self.quotas = FaultyQuotas(self)
        self.budgets = FaultyBudgetTotals(self)
        self.starts = FaultyStarts(self)
        self.slots = FaultySlots(self)
        self.streams = FaultyStreams(self)

    async def start(self) -> None:
        """Connect."""
        await self.faults.run("start", self.inner.start)

    async def close(self) -> None:
        """Close the store, without a fault."""
        await self.inner.close()

    def replace(self, inner: Store) -> None:
        """Use another store from now on, which has other data or none."""
        self.inner = inner
        self.faults.reset()


class FaultyLogs:
    """Logs with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def create(self, head: Head, entries: Sequence[Entry], keep: float, prompt: bytes = b"") -> bool:
        inner = self._store.inner.logs
        return await self._store.faults.run("logs.create", lambda: inner.create(head, entries, keep, prompt))

    async def append(self, appends: Sequence[Append], wakes: Mapping[str, bytes] | None = None) -> Sequence[Appended]:
        return await self._store.faults.run("logs.append", lambda: self._store.inner.logs.append(appends, wakes))

    async def read(self, positions: Mapping[str, Position], *, is_large: bool = False) -> Mapping[str, LogPart]:
        self._store.faults.large_reads += is_large
        inner = self._store.inner.logs
        return await self._store.faults.run("logs.read", lambda: inner.read(positions, is_large=is_large))

    async def prompt(self, generation_id: str) -> bytes:
        return await self._store.faults.run("logs.prompt", lambda: self._store.inner.logs.prompt(generation_id))

    async def take(self, takes: Sequence[Take]) -> Sequence[Head | None]:
        return await self._store.faults.run("logs.take", lambda: self._store.inner.logs.take(takes))

    async def owned(self, owner: str) -> Sequence[str]:
        return await self._store.faults.run("logs.owned", lambda: self._store.inner.logs.owned(owner))

    async def delete(self, generation_id: str) -> None:
        await self._store.faults.run("logs.delete", lambda: self._store.inner.logs.delete(generation_id))


class FaultyMembers:
    """Leases with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def renew(self, replica: str, ttl: float, info: bytes) -> Membership:
        inner = self._store.inner.members
        return await self._store.faults.run("members.renew", lambda: inner.renew(replica, ttl, info))

    async def remove(self, replica: str) -> None:
        await self._store.faults.run("members.remove", lambda: self._store.inner.members.remove(replica))


class FaultyMessages:
    """Inboxes with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        await self._store.faults.run("messages.send", lambda: self._store.inner.messages.send(messages))

    async def receive(self, replica: str) -> Sequence[bytes]:
        faults = self._store.faults
        return await faults.run(
            "messages.receive", lambda: faults.wait_for(self._store.inner.messages.receive(replica))
        )

    async def forget(self, replica: str) -> None:
        await self._store.faults.run("messages.forget", lambda: self._store.inner.messages.forget(replica))


class FaultyValues:
    """Values with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def get(self, keys: Sequence[str], keep: float | None = None) -> Sequence[bytes | None]:
        return await self._store.faults.run("values.get", lambda: self._store.inner.values.get(keys, keep))

    async def set(self, values: Mapping[str, bytes], keep: float) -> None:
        await self._store.faults.run("values.set", lambda: self._store.inner.values.set(values, keep))

    async def swap(self, key: str, expected: bytes | None, value: bytes, keep: float) -> bool:
        inner = self._store.inner.values
        return await self._store.faults.run("values.swap", lambda: inner.swap(key, expected, value, keep))

    async def touch(self, keys: Sequence[str], keep: float) -> None:
        await self._store.faults.run("values.touch", lambda: self._store.inner.values.touch(keys, keep))

    async def delete(self, keys: Sequence[str]) -> None:
        await self._store.faults.run("values.delete", lambda: self._store.inner.values.delete(keys))


class FaultyQuotas:
    """Quotas with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def add(self, owner: str, sizes: Mapping[str, int], *, limit: int, keep: float) -> Sequence[str]:
        inner = self._store.inner.quotas
        return await self._store.faults.run("quotas.add", lambda: inner.add(owner, sizes, limit=limit, keep=keep))

    async def remove(self, owner: str, names: Sequence[str]) -> None:
        await self._store.faults.run("quotas.remove", lambda: self._store.inner.quotas.remove(owner, names))

    async def newest(self, owner: str, count: int) -> Sequence[str]:
        return await self._store.faults.run("quotas.newest", lambda: self._store.inner.quotas.newest(owner, count))


class FaultyBudgetTotals:
    """Budgets with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def record(self, replica: str, day: int, spent: Mapping[str, float]) -> Mapping[str, float]:
        inner = self._store.inner.budgets
        return await self._store.faults.run("budgets.record", lambda: inner.record(replica, day, spent))


class FaultyStarts:
    """Rate buckets and idempotency keys with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def begin(self, attempt: StartAttempt, keep: float) -> StartDecision:
        inner = self._store.inner.starts
        return await self._store.faults.run("starts.begin", lambda: inner.begin(attempt, keep))

    async def settle(self, batch: SettlementBatch) -> None:
        inner = self._store.inner.starts
        await self._store.faults.run("starts.settle", lambda: inner.settle(batch))

    async def merge(self, uses: Sequence[LocalUse], keep: float) -> None:
        inner = self._store.inner.starts
        await self._store.faults.run("starts.merge", lambda: inner.merge(uses, keep))


class FaultySlots:
    """Slots with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def claim(
        self, replica: str, claim: SlotClaim, limits: SlotLimits, ttl: float, *, may_wait: bool
    ) -> SlotAnswer:
        inner = self._store.inner.slots
        return await self._store.faults.run(
            "slots.claim", lambda: inner.claim(replica, claim, limits, ttl, may_wait=may_wait)
        )

    async def release(self, replica: str, generation_ids: Sequence[str], limits: SlotLimits) -> frozenset[str]:
        inner = self._store.inner.slots
        return await self._store.faults.run("slots.release", lambda: inner.release(replica, generation_ids, limits))

    async def look(
        self, replica: str, limits: SlotLimits, ttl: float, seen: Sequence[str], *, with_positions: bool = True
    ) -> SlotView:
        inner = self._store.inner.slots
        return await self._store.faults.run(
            "slots.look", lambda: inner.look(replica, limits, ttl, seen, with_positions=with_positions)
        )

    async def held(self, replica: str) -> Mapping[str, SlotState]:
        return await self._store.faults.run("slots.held", lambda: self._store.inner.slots.held(replica))

    async def restore(
        self,
        replica: str,
        running: Sequence[SlotClaim],
        waiting: Sequence[SlotClaim],
        limits: SlotLimits,
        ttl: float,
        *,
        settle: float = 0.0,
    ) -> frozenset[str]:
        inner = self._store.inner.slots
        return await self._store.faults.run(
            "slots.restore", lambda: inner.restore(replica, running, waiting, limits, ttl, settle=settle)
        )

    async def drop(self, replica: str, limits: SlotLimits) -> frozenset[str]:
        return await self._store.faults.run("slots.drop", lambda: self._store.inner.slots.drop(replica, limits))


class FaultyStreams:
    """Counts of streams with faults."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    async def report(self, replica: str, counts: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
        return await self._store.faults.run("streams.report", lambda: self._store.inner.streams.report(replica, counts))
