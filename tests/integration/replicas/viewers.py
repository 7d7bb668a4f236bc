"""Viewers that move: each leaves its connection at random moments, and continues on another gateway."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.integration.replicas.deployment import Deployment, Replica
from tests.integration.replicas.feeds import KINDS, Broken, Clients, Feed, Kind, Start, Unreadable
from tests.integration.replicas.transcript import Transcript

MOVE_SECONDS = (1.0, 6.0)
"""Least and greatest time that a viewer stays on one connection."""

BACK_SECONDS = (0.05, 0.4)
"""Least and greatest time until it comes back to a gateway that could not serve it."""


@dataclass(slots=True)
class Tally:
    """What all viewers did together."""

    moves: int = 0
    breaks: int = 0
    """Connections that broke, and refusals for now."""
    clean_ends: int = 0
    """Bodies that ended cleanly before the terminal event."""
    starts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why connections broke."""


class Viewer:
    """Reads a generation to its end: one of its own, or with `generation_id` one that another viewer started."""

    def __init__(
        self, number: int, start: Start, transcript: Transcript, deployment: Deployment, clients: Clients, tally: Tally
    ) -> None:
        self.number = number
        self.transcript = transcript
        self.kind: Kind = KINDS[number % len(KINDS)]
        self.error = ""
        self.start = start
        self._deployment = deployment
        self._clients = clients
        self._counts = tally
        self._last_address = self._former_address = ""
        self._chance = random.Random(f"{start.key} {number}")

    async def run(self) -> None:
        """Read to the terminal event."""
        feed: Feed | None = None
        began = time.monotonic()
        try:
            while self.transcript.end is None:
                try:
                    feed = await (self._attach() if self.transcript.generation_id else self._begin())
                    await self._read(feed)
                except Broken as broken:
                    self._counts.breaks += 1
                    self._counts.reasons[f"{self.kind}: {_shortened(str(broken))}"] += 1
                    await asyncio.sleep(self._chance.uniform(*BACK_SECONDS))
                finally:
                    if feed is not None:
                        await feed.close()
                        feed = None
        except Unreadable as refusal:
            where = self._last_address.rpartition(":")[2]
            self.error = (
                f"{time.strftime('%X')}, {time.monotonic() - began:.1f} s after its start, at {self.transcript.seq}, "
                f"by port {where}, before by port {self._former_address.rpartition(':')[2]}: {refusal}"
            )

    async def _begin(self) -> Feed:
        self._counts.starts[self.kind] += 1
        return await self._clients.start(self.kind, self._deployment.url, self.start)

    async def _attach(self) -> Feed:
        transcript = self.transcript
        self._former_address, self._last_address = self._last_address, self._address()
        return await self._clients.attach(
            self.kind, self._last_address, self.start, transcript.generation_id, transcript.seq
        )

    async def _read(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(self._chance.uniform(*MOVE_SECONDS)):
                while self.transcript.end is None:
                    event = await feed.next()
                    if event is None:
                        self._counts.clean_ends += 1
                        reason = "ended cleanly, without a terminal event"
                        raise Broken(reason)
                    self.transcript.generation_id = str(event.get("generation_id") or feed.generation_id)
                    self.transcript.receive(event)
        except TimeoutError:
            self._counts.moves += 1
            self.kind = self._chance.choice(KINDS)

    def _address(self) -> str:
        """Return nginx's address, or that of a gateway that runs."""
        running: Sequence[Replica] = [replica for replica in self._deployment.replicas if replica.is_running]
        if not running or self._chance.random() < 0.5:
            return self._deployment.url
        return self._chance.choice(running).address


def _shortened(reason: str) -> str:
    return reason[:120]
