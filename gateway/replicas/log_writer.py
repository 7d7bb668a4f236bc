"""Write the logs of this gateway's generations to the store, in batches behind the local logs.

Viewers here never wait for it. The log itself is the buffer: of each, the writer keeps only how far it is stored.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from gateway.clock import Clock, RestartableTimer
from gateway.generation.details import encode_details
from gateway.generation.event_log import Entry, merge
from gateway.generation.generation import Generation
from gateway.replicas.facts import Facts, encode_facts
from gateway.replicas.messages import Wake, encode_message
from gateway.store.errors import StoreError
from gateway.store.logs import Append, Appended, Head, LogStore, Position

WATCHED_SECONDS: Final = 0.01
"""Delay of a batch while a viewer on another gateway reads."""

BATCH_LOGS: Final = 100
"""Maximum number of logs in one call of the store."""

BATCH_CREATES: Final = 16
"""Maximum number of calls at once that store whole logs."""

MAX_ABANDONED: Final = 10_000
"""Maximum number of generations whose end was not stored; of more, the store keeps what it has for `KEEP_SECONDS`."""

T = TypeVar("T")

HEAD_ALONE: Final = Position(1 << 62)
"""A position that no event follows: only the head is read."""

KEEP_SECONDS: Final = 3600.0
"""How long a generation that has not ended is kept after its last batch, in case that no gateway ends it."""


@dataclass(eq=False, slots=True)
class WrittenLog:
    """A generation of this gateway, as far as it is stored. `watchers` are the gateways with viewers of it."""

    generation: Generation
    facts: Facts
    fence: int = 0
    stored: int = 0
    is_created: bool = False
    watchers: set[str] = field(default_factory=set)
    details_changed: bool = False
    """A note after the end is in the details alone."""

    @property
    def is_dirty(self) -> bool:
        """Return True if something is not stored yet."""
        return self.generation.log.last > self.stored or self.details_changed


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield items in batches of up to `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


class LogWriter:
    """Stores what is appended to the logs that were added. `max_delay` is the longest delay of a batch, in seconds.

    `on_fenced` is called with each log that another gateway has taken over, `on_error` when the store has failed:
    nothing is written from then on until `resume`.
    """

    def __init__(
        self,
        store: LogStore,
        replica: str,
        clock: Clock,
        *,
        max_delay: float,
        with_prompt: bool,
        on_fenced: Callable[[WrittenLog], None],
        on_error: Callable[[StoreError], None],
    ) -> None:
        self._store = store
        self._replica = replica
        self._clock = clock
        self._max_delay = max_delay
        self._with_prompt = with_prompt
        self._on_fenced = on_fenced
        self._on_error = on_error
        self._logs: dict[str, WrittenLog] = {}
        self._dirty: dict[WrittenLog, None] = {}
        self._due: dict[WrittenLog, None] = {}
        """Logs whose delay is over."""
        self._timer, self._watched_timer = RestartableTimer(clock), RestartableTimer(clock)
        self._is_timed = self._is_watched_timed = False
        self._has_due = asyncio.Event()
        self._writing = asyncio.Lock()
        self._is_paused = False
        self._abandoned: dict[str, None] = {}
        self.recreated = 0
        """Logs that were stored again, because the store had lost them."""

    def __iter__(self) -> Iterator[WrittenLog]:
        return iter(tuple(self._logs.values()))

    def get(self, generation_id: str) -> WrittenLog | None:
        """Return a log; None if it is not written here."""
        return self._logs.get(generation_id)

    def add(self, generation: Generation, facts: Facts, fence: int = 0, stored: int = 0) -> WrittenLog:
        """Write a log from now on; events up to `stored` are stored under this fence or a former one."""
        written = WrittenLog(generation, facts, fence, stored, is_created=stored > 0)
        self._logs[generation.id] = written
        generation.log.on_append = partial(self._on_append, written)
        return written

    def remove(self, generation_id: str) -> None:
        """Write a log no longer; an unknown one is ignored."""
        written = self._logs.pop(generation_id, None)
        if written is not None:
            written.generation.log.on_append = None
            self._dirty.pop(written, None)
            self._due.pop(written, None)

    def forget(self, generation_id: str) -> None:
        """Write a log no longer, once what it has is stored, if the store can be used: it is not retained any more."""
        written = self._logs.get(generation_id)
        if written is not None and (self._is_paused or not written.is_dirty):
            self.remove(generation_id)
            if written.is_dirty and len(self._abandoned) < MAX_ABANDONED:
                self._abandoned[generation_id] = None

    async def drop_abandoned(self) -> None:
        """Delete from the store what it holds in part, and what is not retained here any more: it would never end.

        Raises:
            StoreError: the rest is deleted when it is called again.
        """
        for names in batches(tuple(self._abandoned), BATCH_LOGS):
            for name, part in (await self._store.read(dict.fromkeys(names, HEAD_ALONE))).items():
                if part.head.owner == self._replica and not part.head.ended:
                    await self._store.delete(name)
            for name in names:
                del self._abandoned[name]

    def write_soon(self, written: WrittenLog) -> None:
        """Write a log without its delay."""
        self._schedule_now(written)

    def on_details(self, generation_id: str) -> None:
        """Write the details of a generation that has ended again: a note was added."""
        written = self._logs.get(generation_id)
        if written is not None:
            written.details_changed = True
            self._schedule_now(written)

    async def run(self) -> None:
        """Write what is due, until the task is cancelled."""
        while True:
            await self._has_due.wait()
            self._has_due.clear()
            due, self._due = self._due, {}
            with suppress(StoreError):
                await self.write(due)

    async def write(self, logs: Iterable[WrittenLog], *, verify: bool = False) -> None:
        """Write logs now. With `verify`, those with nothing to write, too: are they still ours?

        Raises:
            StoreError: what was not stored is written after `resume`.
        """
        for batch in batches(tuple(logs), BATCH_LOGS):
            async with self._writing:
                try:
                    await self._write(batch, verify=verify)
                except StoreError as error:
                    self.pause()
                    self._on_error(error)
                    raise

    def resume(self) -> None:
        """Write again after a failure."""
        self._is_paused = False
        for written in self:
            if written.is_dirty:
                self._schedule_now(written)

    def pause(self) -> None:
        """Write nothing until `resume`: the store has failed, or the gateway ends."""
        self._is_paused = True
        self._timer.cancel()
        self._watched_timer.cancel()
        self._is_timed = self._is_watched_timed = False
        self._dirty.clear()
        self._due.clear()

    # The path of an event.

    def _on_append(self, written: WrittenLog) -> None:
        if written.generation.log.ended:
            self._schedule_now(written)
        elif written not in self._dirty and not self._is_paused:
            self._dirty[written] = None
            self._schedule(written)

    def _schedule(self, written: WrittenLog) -> None:
        if written.watchers and not self._is_watched_timed:
            self._is_watched_timed = True
            self._watched_timer.start(WATCHED_SECONDS, self._on_watched_timer)
        elif not written.watchers and not self._is_timed:
            self._is_timed = True
            self._timer.start(self._max_delay, self._on_timer)

    def _schedule_now(self, written: WrittenLog) -> None:
        self._dirty.pop(written, None)
        if not self._is_paused:
            self._due[written] = None
            self._has_due.set()

    def _on_watched_timer(self) -> None:
        self._is_watched_timed = False
        for written in [written for written in self._dirty if written.watchers]:
            self._schedule_now(written)

    def _on_timer(self) -> None:
        self._is_timed = False
        for written in tuple(self._dirty):
            self._schedule_now(written)

    # The store.

    async def _write(self, logs: Sequence[WrittenLog], *, verify: bool) -> None:
        chosen = [written for written in logs if written.generation.id in self._logs]
        new = [written for written in chosen if not written.is_created]
        known = [written for written in chosen if written.is_created and (written.is_dirty or verify)]
        missing = await self._append(known) if known else []
        for part in batches([*new, *missing], BATCH_CREATES):
            results = await asyncio.gather(*map(self._create, part), return_exceptions=True)
            for error in results:
                if error is not None:
                    raise error

    async def _append(self, logs: Sequence[WrittenLog]) -> list[WrittenLog]:
        """Append what is new of logs; return those that the store has lost, together with its data."""
        appends, wakes = [self._batch(written) for written in logs], dict[str, dict[str, int]]()
        for written, append in zip(logs, appends, strict=True):
            written.details_changed = False
            for watcher in written.watchers:
                wakes.setdefault(watcher, {})[append.generation_id] = _last(append.entries, written.stored)
        messages = {watcher: encode_message(Wake(last)) for watcher, last in wakes.items()}
        results, missing = await self._store.append(appends, messages), list[WrittenLog]()
        for written, append, result in zip(logs, appends, results, strict=True):
            match result:
                case Appended.STORED:
                    written.stored = _last(append.entries, written.stored)
                case Appended.FENCED:
                    self.remove(written.generation.id)
                    self._on_fenced(written)
                case Appended.MISSING:
                    written.is_created, written.stored = False, 0
                    missing.append(written)
        self.recreated += len(missing)
        return missing

    async def _create(self, written: WrittenLog) -> None:
        entries, details = self._unstored(written), self._details(written)
        head = Head(
            *(written.generation.id, self._replica, written.fence, 0, written.generation.log.ended),
            details=details,
            facts=encode_facts(written.facts),
        )
        written.details_changed = False
        if await self._store.create(head, entries, self._keep(written)):
            written.is_created, written.stored = True, _last(entries, 0)
        else:
            self.remove(written.generation.id)
            self._on_fenced(written)

    def _batch(self, written: WrittenLog) -> Append:
        entries = self._unstored(written)
        has_facts = written.details_changed or any(entry.other is not None for entry in entries)
        details = self._details(written) if has_facts else None
        return Append(written.generation.id, self._replica, written.fence, entries, self._keep(written), details)

    def _unstored(self, written: WrittenLog) -> Sequence[Entry]:
        return [*merge(written.generation.log.since(written.stored), with_ends=True)]

    def _details(self, written: WrittenLog) -> bytes:
        with_prompt = self._with_prompt and not written.generation.log.ended
        now, unix = self._clock.now(), self._clock.unix()
        return encode_details(written.generation.details(now, unix, with_prompt=with_prompt))

    def _keep(self, written: WrittenLog) -> float:
        return max(1.0, written.facts.retention) if written.generation.log.ended else KEEP_SECONDS


def _last(entries: Sequence[Entry], default: int) -> int:
    return entries[-1].last if entries else default
