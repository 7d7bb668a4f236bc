"""Share how many streams each client and each address has open, so that their limits hold on all gateways together.

A stream is admitted without a request to the store: by what is open here, and what the others have reported.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from gateway.admission.limits import KeyedCounter
from gateway.admission.streams import Streams
from gateway.clock import Clock, RestartableTimer
from gateway.store.errors import StoreError
from gateway.store.streams import StreamStore

REPORT_SECONDS: Final = 0.1
"""Delay after which counts that have changed are reported, together."""

MAX_REFRESHED: Final = 500
"""Maximum number of counts that have not changed, and are reported again with each renewal of the lease."""


class StreamCounts:
    """Reports the counts of this gateway. Its owner runs `run`, and calls `exchange` after each renewal of the lease.

    `alive` returns the other gateways that are alive.
    """

    def __init__(self, store: StreamStore, replica: str, clock: Clock, alive: Callable[[], Collection[str]]) -> None:
        self._store = store
        self._replica = replica
        self._alive = alive
        self._counters: dict[str, KeyedCounter] = {}
        """Counters by the first letter of the keys in the store."""
        self._reported: dict[str, None] = {}
        """Keys that the store has a count of, those that were reported longest ago first."""
        self._changed: dict[str, None] = {}
        self._timer = RestartableTimer(clock)
        self._is_due = asyncio.Event()
        self._streams: Streams | None = None

    def attach(self, streams: Streams) -> None:
        """Share the counts of these streams from now on."""
        self._streams = streams
        self._counters = {"a": streams.addresses, "c": streams.clients}
        streams.on_change = self._on_change

    async def run(self) -> None:
        """Report what has changed, until the task is cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            # What has failed is reported after the next renewal.
            with suppress(StoreError):
                await self._report([*self._changed])

    async def exchange(self) -> None:
        """Report what has changed, and a part of what has not: others may have changed it, or forgotten it.

        Raises:
            StoreError: it is done with the next call.
        """
        await self._report([*self._changed, *islice(self._reported, MAX_REFRESHED)])

    def on_down(self) -> None:
        """Forget what others have reported: it does not hold for long."""
        for counter in self._counters.values():
            counter.elsewhere.clear()

    def close(self) -> None:
        """Report nothing any more by itself."""
        self._timer.cancel()
        if self._streams is not None:
            self._streams.on_change = None

    def _on_change(self, counter: KeyedCounter, key: str) -> None:
        name = f"{'a' if counter is self._counters['a'] else 'c'}:{key}"
        if counter[key] or name in self._reported:
            self._changed[name] = None
            if not self._timer.is_pending:
                self._timer.start(REPORT_SECONDS, self._is_due.set)

    async def _report(self, names: Sequence[str]) -> None:
        if not names:
            return
        counts = {name: self._counters[name[0]][name[2:]] for name in names}
        for name in names:
            self._changed.pop(name, None)
            # Last: the others have waited longer.
            self._reported.pop(name, None)
            self._reported[name] = None
        try:
            answers = await self._store.report(self._replica, counts)
        except StoreError:
            self._changed.update(dict.fromkeys(names))
            raise
        alive = self._alive()
        for name, answer in answers.items():
            self._on_answer(name, answer, alive)

    def _on_answer(self, name: str, answer: Mapping[str, int], alive: Collection[str]) -> None:
        counter, key = self._counters[name[0]], name[2:]
        elsewhere = sum(count for replica, count in answer.items() if replica in alive)
        if elsewhere and counter[key]:
            counter.elsewhere[key] = elsewhere
        else:
            counter.elsewhere.pop(key, None)
        if not counter[key] and name not in self._changed:
            self._reported.pop(name, None)
