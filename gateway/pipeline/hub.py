"""The hub owns all generations of the process: it starts them, passes commands to them, and retains them."""

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple

from gateway.clock import time_limit
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub_base import RetentionPolicy, new_id
from gateway.pipeline.hub_starts import StartingHub, fingerprint
from gateway.pipeline.records import check_command
from gateway.pipeline.statistics import target_figures
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused, lost
from gateway.security.principals import Principal
from gateway.telemetry.viewer_counts import with_viewer

__all__ = ["FeedbackResult", "Hub", "InterruptResult", "RetentionPolicy", "fingerprint", "new_id"]
"""Some are of the modules below; all belong to the face of a hub."""

LAST_READ_SECONDS: Final = 5.0
"""Time in which viewers may read how their generations have ended, when the gateway shuts down.

Those that poll are not connected at every moment.
"""


class InterruptResult(NamedTuple):
    """What an interrupt did; `stopped` False if the generation was stopping or stopped already."""

    generation: Generation
    stopped: bool


class FeedbackResult(NamedTuple):
    """A feedback that was recorded, and its generation."""

    generation: Generation
    feedback_id: str


class Hub(StartingHub):
    """All generations of this process."""

    def hold(self, generation_id: str, size: int) -> None:
        """Count bytes of a request that are kept beside its generation as memory of its prompt, until that ends.

        They are kept already, so nothing is refused here: the next starts are.
        """
        record = self._records.get(generation_id)
        if record is not None and record.task is not None:
            record.held_bytes += size
            record.reservation.resize(record.generation.request_size + record.held_bytes)

    # Commands.

    def add_alias(self, generation_id: str, alias: str, principal: Principal) -> str | None:
        """Name a generation by an id that its client has chosen; return the id of that which had the name before.

        None if there was none, or if this one has been given the name before.

        An alias names the newest generation that was given it, until that is dropped. It is the principal's own. A
        second time does nothing, also if it names another generation by now.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        self._records.find_for_command(generation_id, principal)
        return self._records.add_alias(generation_id, (principal.id, alias))

    def find_by_alias(self, alias: str, principal: Principal) -> Generation | None:
        """Return the generation that an alias of the principal names; None without one that it may read."""
        record = self._records.find_by_alias((principal.id, alias))
        try:
            return None if record is None else self.find(record.generation.id, principal)
        except Refused:
            # Its ticket is for another generation.
            return None

    def find_for_command(self, generation_id: str, principal: Principal) -> Generation:
        """Return a generation that the principal may interrupt and give feedback to.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        if (mirror := self.mirrors.get(generation_id)) is not None:
            check_command(principal, mirror)
            return mirror.generation
        return self._records.find_for_command(generation_id, principal).generation

    def interrupt(
        self, generation_id: str, request: InterruptRequest, read_at: float, principal: Principal
    ) -> InterruptResult:
        """Stop a generation; a second time does nothing.

        Raises:
            Refused: `generation_lost`, `forbidden`, or `already_over` if it ended in another way.
        """
        if self.mirrors.get(generation_id) is not None:
            # It has ended: one that runs elsewhere is interrupted there.
            generation = self.find_for_command(generation_id, principal)
            return InterruptResult(generation, generation.interrupt("client", request.reason, read_at))
        record = self._records.find_for_command(generation_id, principal)
        stopped = record.pipeline.interrupt("client", request.reason, read_at)
        return InterruptResult(record.generation, stopped)

    def can_interrupt(self, generation_id: str, principal: Principal) -> bool:
        """Return True if an interrupt of this principal would stop the generation now."""
        try:
            state = self.find_for_command(generation_id, principal).state
        except Refused:
            return False
        return not state.is_terminal and state is not State.STOPPING

    def feedback(
        self,
        generation_id: str,
        request: FeedbackRequest,
        read_at: float,
        principal: Principal,
        feedback_id: str | None = None,
    ) -> FeedbackResult:
        """Record feedback; with the id of one that is recorded already, do nothing.

        Raises:
            Refused: `generation_lost`, `forbidden`, `already_over`, too much feedback, or no memory for a longer
                prompt.
        """
        record = self._records.find_for_command(generation_id, principal)
        feedback_id = feedback_id or self.new_id("f")
        if any(note.feedback_id == feedback_id for note in record.generation.notes):
            return FeedbackResult(record.generation, feedback_id)
        if request.mode == "revise":
            # The messages grow by the answer so far and the text.
            record.reservation.check(record.generation.size + len((request.text or "").encode()))
        record.pipeline.feedback(feedback_id, request, read_at)
        self.observers.on_feedback(record.generation, request.mode)
        if self._records.is_retained(generation_id):
            # The note has made a finished generation larger, perhaps too large to be retained.
            self._records.retain(record.generation)
        else:
            record.reservation.resize(record.generation.request_size + record.held_bytes)
        return FeedbackResult(record.generation, feedback_id)

    def delete(self, generation_id: str, principal: Principal) -> None:
        """Drop a generation; one that runs is stopped first.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        record = self._records.find_for_command(generation_id, principal)
        record.retention = 0
        if self._records.is_retained(generation_id):
            self._records.forget(generation_id)
        elif not record.generation.state.is_terminal:
            record.pipeline.interrupt("client", "deleted", self.clock.now())

    # Viewers.

    def is_viewed(self, generation_id: str) -> bool:
        """Return True if a generation has viewers now."""
        viewed = self.mirrors.get(generation_id) or self._records.get(generation_id)
        return viewed is not None and viewed.viewers > 0

    def add_viewer(self, generation_id: str, transport: str = "", *, resumed: bool = False) -> None:
        """Count a viewer of a generation that `find` or `start` has returned; `remove_viewer` must follow once.

        `transport` is that of a client, and `resumed` says that it has read a part before; "" for what is no client.

        Raises:
            Refused: `generation_lost`: it is no longer retained.
        """
        if (mirror := self.mirrors.by_id.get(generation_id)) is not None:
            self.mirrors.add_viewer(mirror)
        else:
            record = self._records.get(generation_id)
            if record is None:
                raise lost(generation_id)
            self._disconnects.add_viewer(record)
            if transport:
                record.views = with_viewer(record.views, transport)
                record.resumes += resumed
        if transport:
            self.observers.on_viewer(generation_id, transport, resumed=resumed)

    def remove_viewer(self, generation_id: str, transport: str = "") -> None:
        """Count a viewer as gone; after the last one of a running generation, its disconnect policy applies.

        `transport` is that of `add_viewer`.
        """
        if transport:
            self.observers.on_viewer_left(generation_id, transport)
        if (mirror := self.mirrors.by_id.get(generation_id)) is not None:
            self.mirrors.remove_viewer(mirror)
        elif (record := self._records.get(generation_id)) is not None:
            self._disconnects.remove_viewer(record)
        if self.draining:
            self._viewer_left.set()

    # The end.

    async def drain(self, seconds: float) -> None:
        """Refuse new starts, wait up to `seconds` for what runs, then end the rest with `shutting_down`.

        Clients that come back to another gateway are only sent there (`departures`); the others may read to the end.
        """
        deadline = self.clock.now() + seconds
        try:
            await self.wait_until_idle(seconds)
            await self._end_all()
            last_read = max(LAST_READ_SECONDS, deadline - self.clock.now() if self.departures.has_begun else 0)
            with suppress(TimeoutError):
                async with time_limit(last_read, self.clock):
                    await (self._wait_for_departures() if self.departures.has_begun else self._wait_for_viewers())
        finally:
            await self.close()

    async def wait_until_idle(self, seconds: float) -> None:
        """Refuse new starts, and wait up to `seconds` for what runs."""
        self.draining = True
        timer = self.clock.call_later(seconds, self._idle.set)
        try:
            await self._idle.wait()
        finally:
            timer.cancel()

    async def _wait_for_departures(self) -> None:
        departed = asyncio.Event()
        self.departures.on_empty(departed.set)
        await departed.wait()
        # Viewers of records that are left are other gateways: they read the end from the store.
        while any(mirror.viewers for mirror in self.mirrors):
            self._viewer_left.clear()
            await self._viewer_left.wait()

    async def _wait_for_viewers(self) -> None:
        """Wait until the last viewer has left. Those that leave together are counted once: there may be thousands."""
        while self.viewers:
            self._viewer_left.clear()
            await self._viewer_left.wait()

    async def close(self) -> None:
        """End everything now."""
        self.draining = True
        await self._end_all()
        self._positions_timer.cancel()
        self._disconnects.close()
        self.departures.close()
        for record in self._records:
            record.timer.cancel()
        for callback in self._on_close:
            callback()

    async def _end_all(self) -> None:
        tasks = [record.task for record in self._records if record.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stats(self) -> dict[str, object]:
        """Return the figures of `GET /api/stats`."""
        statistics = self.statistics
        return {
            "running": self.running,
            "active": self.slots.running,
            "queued": self.slots.queued + self.queued_elsewhere(),
            "viewers": self.viewers,
            "held": len(self._records),
            "max_concurrent": self.slots.max_concurrent,
            "max_queue": self.slots.max_queue,
            "started": statistics.started,
            "complete": statistics.complete,
            "interrupted": statistics.interrupted,
            "error": statistics.error,
            "cost_usd": round(statistics.cost_usd, 6),
            "saved_by_interrupts": statistics.savings.stats(),
            "upstreams": target_figures(self.models, self.clock.now()),
            "refused": dict(statistics.refused),
            "draining": self.draining,
        }
