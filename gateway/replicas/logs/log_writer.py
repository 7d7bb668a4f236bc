"""Write the logs of this gateway's generations to the store, in batches behind the local logs.

Viewers here never wait for it. The log itself is the buffer: of each, the writer keeps only how far it is stored. When
the store is slow, the next batch is larger; when it fails, nothing is collected in its place.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

from gateway.clock import Clock
from gateway.generation.details import encode_details, encode_prompt
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.pipeline.handover import Terms
from gateway.replicas.logs.facts import encode_facts
from gateway.replicas.logs.write_schedule import WriteSchedule
from gateway.replicas.logs.written_log import KEEP_SECONDS, WrittenLog, size_of
from gateway.replicas.messaging.messages import Wake, encode_message
from gateway.store.errors import StoreError
from gateway.store.logs import Append, Appended, Head, LogStore, Position, Take
from gateway.telemetry.metrics.store_times import StoreTimes

BATCH_LOGS: Final = 100
"""Maximum number of logs in one call of the store."""

EXCHANGE_BYTES: Final = 512 * 1024
"""About the maximum size of the events in such a call. After an outage, all of many logs at once would be late on a
slow link each time they are sent, and the lease behind them, too."""

BATCH_CREATES: Final = 16
"""Maximum number of calls at once that store whole logs."""

MAX_ABANDONED: Final = 10_000
"""Maximum number of generations whose end was not stored; of more, the store keeps what it has for `KEEP_SECONDS`."""

HEAD_ALONE: Final = Position(1 << 62, 1 << 30)
"""A position that no event follows: only the head is read, with its details."""

T = TypeVar("T")

_Batch: TypeAlias = tuple[WrittenLog, Append, int]
"""What is appended to a log, and the number of its details then."""


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
        times: StoreTimes | None = None,
    ) -> None:
        self._times = times or StoreTimes()
        self._store = store
        self._replica = replica
        self._clock = clock
        self._with_prompt = with_prompt
        self._on_fenced = on_fenced
        self._on_error = on_error
        self._logs: dict[str, WrittenLog] = {}
        self._schedule = WriteSchedule(clock, max_delay)
        self._writing = asyncio.Lock()
        self._abandoned: dict[str, None] = {}
        self.recreated = 0
        """Logs that were stored again, because the store had lost them."""

    def __iter__(self) -> Iterator[WrittenLog]:
        return iter(tuple(self._logs.values()))

    def get(self, generation_id: str) -> WrittenLog | None:
        """Return a log; None if it is not written here."""
        return self._logs.get(generation_id)

    def add(self, generation: Generation, terms: Terms, fence: int = 0, stored: int = 0) -> WrittenLog:
        """Write a log from now on; events up to `stored` are stored under this fence or a former one.

        One of which nothing is stored is not scheduled before it was written once.
        """
        self.remove(generation.id)
        written = WrittenLog(generation, terms, fence, stored, is_created=stored > 0)
        written.unwritten_since = None if stored else self._clock.now()
        self._logs[generation.id] = written
        self._schedule.add(written)
        if stored:
            self._schedule.listen(written)
        return written

    def remove(self, generation_id: str) -> None:
        """Write a log no longer; an unknown one is ignored."""
        written = self._logs.pop(generation_id, None)
        if written is not None:
            written.is_removed = True
            self._schedule.forget(written)

    def forget(self, generation_id: str) -> None:
        """Write a log no longer, once what it has is stored, if the store can be used: it is not retained any more."""
        written = self._logs.get(generation_id)
        if written is None:
            return
        written.is_forgotten = True
        if self._schedule.is_paused or not written.is_dirty:
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

    def unwritten_seconds(self) -> float:
        """Return the age of the oldest event that is not stored, in seconds; 0 if all are."""
        now = self._clock.now()
        return max((now - log.unwritten_since for log in self if log.unwritten_since is not None), default=0.0)

    def write_soon(self, written: WrittenLog) -> None:
        """Write a log without its delay."""
        if written.is_created:
            self._schedule.write_now(written)

    def on_details(self, generation_id: str) -> None:
        """Write the details of a generation without delay: they have changed, and perhaps no event tells it."""
        written = self._logs.get(generation_id)
        if written is not None:
            written.details += 1
            self.write_soon(written)

    async def run(self) -> None:
        """Write what is due, until the task is cancelled."""
        while True:
            # Written again after `resume`.
            with suppress(StoreError):
                await self.write(await self._schedule.due())

    async def write(self, logs: Iterable[WrittenLog], *, verify: bool = False) -> None:
        """Write what logs have now. With `verify`, those with nothing to write, too: are they still ours?

        Raises:
            StoreError: what was not stored is written after `resume`.
        """
        for batch in batches(tuple(logs), BATCH_LOGS):
            async with self._writing:
                try:
                    await self._write(batch, verify=verify)
                except StoreError as error:
                    self._fail(error)
                    raise

    async def create(self, written: WrittenLog) -> None:
        """Store a log of which nothing is stored, without waiting for those that are being written.

        Raises:
            StoreError: it is stored after `resume`.
        """
        try:
            await self._create(written)
        except StoreError as error:
            self._fail(error)
            raise
        finally:
            self._schedule.listen(written)
            if written.is_dirty and not written.is_removed:
                # What came meanwhile; or the id is known, and an append finds out whether by an earlier attempt of
                # ours; or the caller does not wait any longer.
                self._schedule.write_now(written)

    async def retake(self, logs: Sequence[WrittenLog]) -> None:
        """Request new fences for logs, after a time in which others could take them: from then on, none can.

        Raises:
            StoreError: it is not known which are ours.
        """
        async with self._writing:
            running = [written for written in logs if written.is_created and not written.generation.log.ended]
            me = self._replica
            if not running:
                return
            heads = await self._store.take([Take(log.generation.id, me, log.fence, me) for log in running])
            for written, head in zip(running, heads, strict=True):
                if head is None:
                    self._on_missing(written)
                elif head.owner == me:
                    written.fence = head.fence
                else:
                    self._give_up(written)

    async def find_losses(self, logs: Sequence[WrittenLog]) -> None:
        """Find out what the store has lost of logs, although it has confirmed it, so that it is written again.

        A failover loses the newest writes: Redis replicates asynchronously
        (https://redis.io/docs/latest/operate/oss_and_stack/management/replication/).

        Raises:
            StoreError: it can't be read.
        """
        async with self._writing:
            known = {written.generation.id: written for written in logs if written.is_created}
            parts = await self._store.read(dict.fromkeys(known, HEAD_ALONE))
            for generation_id, part in parts.items():
                written = known[generation_id]
                if part.head.last < written.stored:
                    written.stored = part.head.last
                    written.details += 1
                    self.recreated += 1

    def resume(self) -> None:
        """Write again after a failure."""
        self._schedule.resume([written for written in self if written.is_dirty])

    def pause(self) -> None:
        """Write nothing until `resume`: the store has failed, or the gateway ends."""
        self._schedule.pause()

    def refresh(self) -> None:
        """Write logs with nothing new before the store drops them."""
        limit = self._clock.now() - KEEP_SECONDS / 4
        for written in self:
            if written.is_created and written.written_at < limit and not written.generation.log.ended:
                self.on_details(written.generation.id)

    def _fail(self, error: StoreError) -> None:
        self.pause()
        self._on_error(error)

    async def _write(self, logs: Sequence[WrittenLog], *, verify: bool) -> None:
        """Write in rounds, until what logs have at the beginning is stored: a long log takes several batches."""
        until = {written: written.generation.log.last_event for written in logs if not written.is_removed}
        todo = [written for written, last in until.items() if verify or written.lacks(last)]
        while todo:
            if known := [written for written in todo if written.is_created]:
                await self._append(known)
            # Also those that the append has found missing.
            if new := [written for written in todo if not written.is_created]:
                await self._create_all(new)
            todo = [written for written in todo if not written.is_removed and written.lacks(until[written])]

    async def _create_all(self, logs: Sequence[WrittenLog]) -> None:
        for part in batches(logs, BATCH_CREATES):
            results = await asyncio.gather(*map(self._create, part), return_exceptions=True)
            for error in results:
                if error is not None:
                    raise error

    async def _append(self, logs: Sequence[WrittenLog]) -> None:
        """Append a batch to each log, in as few calls of the store as their sizes allow."""
        part, size = list[_Batch](), 0
        for written in logs:
            append = self._batch(written)
            added = sum(map(size_of, append.entries))
            if part and size + added > EXCHANGE_BYTES:
                await self._send(part)
                part, size = [], 0
                append = self._batch(written)
            part.append((written, append, written.details))
            size += added
        await self._send(part)

    async def _send(self, batches: Sequence[_Batch]) -> None:
        wakes: dict[str, dict[str, int]] = {}
        for written, append, _ in batches:
            for watcher in written.watchers:
                wakes.setdefault(watcher, {})[append.generation_id] = _last(append.entries, written.stored)
        messages = {watcher: encode_message(Wake(last)) for watcher, last in wakes.items()} if wakes else {}
        began = self._clock.now()
        results = await self._store.append([append for _, append, _ in batches], messages)
        now = self._clock.now()
        self._times.writes.record(now - began)
        for (written, append, number), result in zip(batches, results, strict=True):
            match result:
                case Appended.STORED:
                    if append.entries:
                        written.stored = append.entries[-1].last
                    written.details_stored, written.written_at = number, now
                    if written.watchers and any(
                        append.generation_id not in wakes.get(watcher, ()) for watcher in written.watchers
                    ):
                        # It came meanwhile, and was sent the number before: the next write wakes it.
                        written.details += 1
                    # What has come since the write began is younger than that.
                    written.unwritten_since = began if written.is_dirty else None
                case Appended.FENCED:
                    self._give_up(written)
                case Appended.MISSING:
                    self._on_missing(written)

    async def _create(self, written: WrittenLog) -> None:
        entries, number = written.next_batch(), written.details
        head = Head(
            *(written.generation.id, self._replica, written.fence, 0, bool(entries) and entries[-1].is_end),
            details=self._details(written),
            facts=encode_facts(written.terms),
        )
        began = self._clock.now()
        is_new = await self._store.create(head, entries, written.keep, self._prompt(written))
        self._times.writes.record(self._clock.now() - began)
        # A known id is that of an earlier attempt, whose reply was lost: what it has stored is stored again.
        written.is_created = True
        if is_new:
            written.stored, written.details_stored = _last(entries, 0), number
            if written.watchers:
                # They have come before: of a log that the store had lost, or after a reply that was lost. A creation
                # sends no wakes, the write that follows it does.
                written.details += 1
            written.written_at = self._clock.now()
            written.unwritten_since = began if written.is_dirty else None

    def _batch(self, written: WrittenLog) -> Append:
        entries = written.next_batch()
        changed = written.details > written.details_stored or any(entry.other is not None for entry in entries)
        details = self._details(written) if changed else None
        return Append(written.generation.id, self._replica, written.fence, entries, written.keep, details)

    def _details(self, written: WrittenLog) -> bytes:
        return encode_details(written.generation.details(self._clock.now(), self._clock.unix()))

    def _prompt(self, written: WrittenLog) -> bytes:
        if not self._with_prompt or written.generation.log.ended:
            return b""
        return encode_prompt(written.generation.stored_prompt())

    def _on_missing(self, written: WrittenLog) -> None:
        """Store a log again: the store has lost its data."""
        written.is_created, written.stored = False, 0
        self.recreated += 1

    def _give_up(self, written: WrittenLog) -> None:
        self.remove(written.generation.id)
        self._on_fenced(written)


def _last(entries: Sequence[Entry], default: int) -> int:
    return entries[-1].last if entries else default
