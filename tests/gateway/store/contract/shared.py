"""A store as several gateways share it, for the contract that each implementation fulfils."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.events import Chunk, Complete, Event, Metrics, Usage, Verbatim
from gateway.store.base import Store
from gateway.store.logs import Append, Head
from tests.event_loop import settle
from tests.manual_clock import ManualClock

DETAILS: Final = b"details\x00\r\n\xff"
FACTS: Final = b"{facts}\x00\xfe"


@dataclass
class SharedStore:
    """A store as two gateways see it. `second` of the tests lasts `unit` seconds."""

    first: Store
    second: Store
    unit: float
    _wait: Callable[[float], Awaitable[None]]

    async def wait(self, units: float) -> None:
        """Wait some units of time."""
        await self._wait(units * self.unit)


def on_manual_clock(store: Store, clock: ManualClock) -> SharedStore:
    """Return a store of this process, whose time is moved by hand."""

    async def wait(seconds: float) -> None:
        clock.advance(seconds)
        await settle()

    return SharedStore(store, store, 1.0, wait)


def in_real_time(first: Store, second: Store) -> SharedStore:
    """Return a store whose time passes."""
    return SharedStore(first, second, 0.1, asyncio.sleep)


def log_of(*events: Event | Verbatim) -> EventLog:
    """Return a log with these events."""
    log = EventLog("g")
    log.extend(events)
    return log


def batch(log: EventLog, after: int = 0) -> Sequence[Entry]:
    """Return what follows a number, as it is stored."""
    return [*merge(log.since(after), with_ends=True)]


def chunks(first: int, last: int) -> Sequence[Entry]:
    """Return a batch of the events `first` to `last`, each with its number as text."""
    log = log_of(*(Chunk(f"{number},") for number in range(1, last + 1)))
    return batch(log, first - 1)


def end(seq: int) -> Sequence[Entry]:
    """Return a batch of a terminal event."""
    event = Complete("stop", Usage(None, None, "estimated"), None, Metrics("r", None, 1, 0, 0, 0, 0, None, 1, 0))
    return [entry._replace(first=seq, last=seq) for entry in batch(log_of(event))]


def head(generation_id: str, owner: str = "a", fence: int = 0) -> Head:
    """Return the head of a new generation."""
    return Head(generation_id, owner, fence, 0, ended=False, details=DETAILS, facts=FACTS)


def append(
    generation_id: str,
    entries: Sequence[Entry],
    *,
    owner: str = "a",
    fence: int = 0,
    keep: float = 60.0,
    details: bytes | None = None,
) -> Append:
    """Return an append of the first owner."""
    return Append(generation_id, owner, fence, entries, keep, details)


def texts(entries: Sequence[Entry]) -> str:
    """Return the text of a part of a log."""
    return "".join(entry.text for entry in entries)
