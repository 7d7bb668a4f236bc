"""This gateway as one of several that share a store: its lease, its tasks, and what it does for the others."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from gateway.clock import Clock, RestartableTimer
from gateway.generation.event_log import EPOCH_EVENTS
from gateway.generation.generation import Generation
from gateway.generation.lease import Lease
from gateway.generation.state import State
from gateway.pipeline.hub import Hub
from gateway.pipeline.mirrors import Mirror
from gateway.pipeline.records import may_read
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, parse
from gateway.protocol.errors import Code, Refused, lost
from gateway.replicas.facts import Facts
from gateway.replicas.log_writer import LogWriter, WrittenLog
from gateway.replicas.messages import Call, Wake, Watch
from gateway.replicas.messenger import Messenger, Result
from gateway.replicas.mirror_reader import MirrorReader
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.takeover import Takeover
from gateway.security.principals import Principal
from gateway.store.base import Store
from gateway.store.errors import StoreError
from gateway.store.logs import Position

logger = logging.getLogger(__name__)

NO_INFO: Final = b"{}"
_STATES: Final = frozenset(State)


class Replica:
    """One of the gateways of a deployment. `start` and `close` it; between them its tasks run."""

    def __init__(self, store: Store, hub: Hub, clock: Clock, policy: ReplicaPolicy, name: str | None = None) -> None:
        self.name = name or f"r_{secrets.token_urlsafe(9)}"
        """Random: a gateway that starts again is another one."""
        self.is_up = False
        """The store can be used."""
        self.store = store
        self.policy = policy
        self.lease = Lease(on_lapse=self._tick_now)
        self._hub = hub
        self._clock = clock
        self.messenger = Messenger(store.messages, self.name, clock, self)
        self.writer = LogWriter(
            *(store.logs, self.name, clock),
            max_delay=policy.store_delay,
            with_prompt=policy.on_owner_lost == "continue",
            on_fenced=self._on_fenced,
            on_error=self._on_down,
        )
        self.reader = MirrorReader(store.logs, hub.mirrors, clock, self._watch)
        self._takeover = Takeover(store, self.name, hub, clock, self.reader, self.writer)
        self._fenced: dict[str, WrittenLog] = {}
        """Logs that others have taken over, and whose new events are not read yet."""
        self._tasks: list[asyncio.Task[None]] = []
        self._timer = RestartableTimer(clock)
        self._is_due = asyncio.Event()
        hub.mirrors.on_viewed, hub.mirrors.on_left = self._watch, self._unwatch
        hub.on_forget(self.writer.remove)

    async def start(self) -> None:
        """Join the deployment.

        Raises:
            StoreError: the store can't be reached.
        """
        await self.store.start()
        await self.tick()
        coroutines = (self._run(), self.writer.run(), self.reader.run(), self.messenger.send())
        self._tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
        self._tasks.append(asyncio.create_task(self.messenger.receive(self._wait)))

    async def close(self) -> None:
        """Leave: write what is left, and tell the others. Call it once the hub is closed."""
        self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.messenger.close()
        with suppress(StoreError):
            await self.writer.write(self.writer)
            await self.store.members.remove(self.name)
            await self.store.messages.forget(self.name)
        self.writer.pause()
        await self.store.close()

    async def add(self, generation: Generation) -> None:
        """Store a generation that has just been started here, and what it brings from now on.

        Raises:
            Refused: the store can't be used, and the policy is to refuse starts then.
        """
        record = self._hub.record(generation.id)
        if record is None or self.writer.get(generation.id) is not None:
            return
        generation.lease = self.lease
        facts = Facts(record.principal, record.on_disconnect, record.retention)
        try:
            await self.writer.write([self.writer.add(generation, facts)])
        except StoreError as error:
            if self.policy.store_down == "refuse":
                self._hub.delete(generation.id, record.principal)
                raise _unavailable(error) from error

    async def fetch(self, generation_id: str, principal: Principal, after: int) -> None:
        """Read a generation of another gateway, so that the hub finds it; an unknown one is ignored.

        Raises:
            Refused: the store can't be read.
        """
        try:
            mirror = await self.reader.fetch(generation_id)
            if mirror is not None and may_read(principal, mirror) and after > mirror.generation.log.last:
                await self._catch_up(mirror)
        except StoreError as error:
            if self._hub.mirrors.get(generation_id) is None:
                raise _unavailable(error) from error

    async def _catch_up(self, mirror: Mirror) -> None:
        """Read what the owner has not stored yet; if it is gone, what another gateway stores in its place."""
        deadline = self._clock.now() + self.policy.owner_timeout
        while not mirror.generation.log.ended and self._clock.now() < deadline:
            try:
                await self.messenger.call(mirror.owner, "store", mirror.generation.id, {})
                break
            except (Refused, TimeoutError):
                await self.reader.fetch(mirror.generation.id)
        await self.reader.fetch(mirror.generation.id)

    async def command(self, mirror: Mirror, action: str, arguments: Mapping[str, JsonValue]) -> Result:
        """Send a command to the owner of a generation, and return what it replies.

        Raises:
            Refused: the owner refuses it, or does not answer.
        """
        generation = mirror.generation
        try:
            result = await self.messenger.call(mirror.owner, action, generation.id, arguments)
            await self.reader.fetch(generation.id)
        except StoreError as error:
            raise _unavailable(error) from error
        except TimeoutError:
            message = "The gateway that runs this generation does not answer: try again."
            raise Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=1000) from None
        if not generation.log.ended and (state := result.get("state")) in _STATES:
            generation.state = State(state)
        return result

    # The lease.

    async def _run(self) -> None:
        while True:
            self._timer.start(self.policy.interval, self._is_due.set)
            await self._is_due.wait()
            self._is_due.clear()
            await self.tick()

    def _tick_now(self) -> None:
        self._is_due.set()

    async def _wait(self, seconds: float) -> None:
        over, timer = asyncio.Event(), RestartableTimer(self._clock)
        timer.start(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    async def tick(self) -> None:
        """Renew the lease, and act on who is alive and who is not."""
        now = self._clock.now()
        try:
            members = await self.store.members.renew(self.name, self.policy.lease, NO_INFO)
            if not (self.is_up and members.was_alive):
                await self._verify()
            self.lease.expires = now + self.policy.lease
            self._forget_watchers(members.alive)
            for dead in members.dead - {self.name}:
                await self._takeover.take_over(dead)
            await self._read_all()
        except StoreError as error:
            self._on_down(error)

    async def _verify(self) -> None:
        """Find out which generations are still ours, after a time in which others could take them over."""
        await self.writer.write(self.writer, verify=True)
        if not self.is_up:
            logger.info("the store can be used")
        self.is_up = True
        self.writer.resume()
        self._release_logs()

    def _release_logs(self) -> None:
        for written in self.writer:
            written.generation.log.release()
            written.generation.log.wake()

    def _on_down(self, error: StoreError) -> None:
        """Go on from memory."""
        if self.is_up:
            logger.warning("the store can't be used: %s", error.message)
        self.is_up = False
        self.lease.expires = Lease().expires
        self.writer.pause()
        self._release_logs()

    async def _read_all(self) -> None:
        """Read what messages may have missed, and drop what is no longer read."""
        for written in tuple(self._fenced.values()):
            await self._follow_owner(written)
        await self.reader.read([mirror.generation.id for mirror in self._hub.mirrors if mirror.viewers])
        self.reader.drop_unused()
        for written in self.writer:
            has_ended = written.generation.log.ended and not written.is_dirty
            if has_ended and self._hub.record(written.generation.id) is None:
                self.writer.remove(written.generation.id)

    # Generations that others have taken over.

    def _on_fenced(self, written: WrittenLog) -> None:
        generation = written.generation
        generation.log.hold()
        record = self._hub.record(generation.id)
        if record is not None:
            self._hub.surrender(record, "", len(written.watchers))
        self._fenced[generation.id] = written
        self._tick_now()

    async def _follow_owner(self, written: WrittenLog) -> None:
        """Show what the new owner has appended, in place of what only this gateway has."""
        generation = written.generation
        part = (await self.store.logs.read({generation.id: Position(written.stored)})).get(generation.id)
        del self._fenced[generation.id]
        if part is not None:
            boundary = (written.fence + 1) * EPOCH_EVENTS
            own = [entry for entry in part.entries if entry.last <= boundary]
            generation.log.truncate(own[-1].last if own else written.stored)
        generation.log.release()
        await self.reader.fetch(generation.id)
        mirror = self._hub.mirrors.get(generation.id)
        if mirror is not None and mirror.viewers:
            self._watch(mirror)

    # Viewers.

    def _watch(self, mirror: Mirror) -> None:
        if self._is_watched(mirror) and mirror.viewers:
            self.messenger.post(mirror.owner, Watch(self.name, mirror.generation.id, viewing=True))

    def _unwatch(self, mirror: Mirror) -> None:
        if self._is_watched(mirror):
            self.messenger.post(mirror.owner, Watch(self.name, mirror.generation.id, viewing=False))

    def _is_watched(self, mirror: Mirror) -> bool:
        return not mirror.generation.log.ended and mirror.owner not in {"", self.name}

    def _forget_watchers(self, alive: Mapping[str, bytes]) -> None:
        for written in self.writer:
            for watcher in written.watchers - alive.keys():
                self._remove_watcher(written, watcher)

    def _remove_watcher(self, written: WrittenLog, watcher: str) -> None:
        written.watchers.discard(watcher)
        self._hub.remove_viewer(written.generation.id)

    # What others ask for; see `Receiver`.

    def on_wake(self, wake: Wake) -> None:
        """Read generations of other gateways."""
        self.reader.wake(wake.last)

    def on_watch(self, watch: Watch) -> None:
        """Count a gateway that has viewers of a generation as one viewer."""
        written = self.writer.get(watch.generation_id)
        if written is None:
            # It has ended here, or runs elsewhere: what is stored says so.
            self.messenger.post(watch.sender, Wake({watch.generation_id: 0}))
        elif not watch.viewing:
            if watch.sender in written.watchers:
                self._remove_watcher(written, watch.sender)
        else:
            if watch.sender not in written.watchers:
                written.watchers.add(watch.sender)
                self._hub.add_viewer(watch.generation_id)
            self.messenger.post(watch.sender, Wake({watch.generation_id: written.stored}))
            self.writer.write_soon(written)

    async def on_call(self, call: Call) -> Mapping[str, JsonValue]:
        """Carry out a command of a client of another gateway, which has checked that it may.

        Raises:
            Refused: `generation_lost`, or the hub refuses it.
        """
        record, written = self._hub.record(call.generation_id), self.writer.get(call.generation_id)
        if record is None or written is None:
            raise lost(call.generation_id)
        generation, now, owner = record.generation, self._clock.now(), record.principal
        result: dict[str, JsonValue] = {}
        match call.action:
            case "interrupt":
                request = parse(InterruptRequest, dict(call.arguments))
                result["stopped"] = self._hub.interrupt(generation.id, request, now, owner).stopped
            case "feedback":
                feedback = parse(FeedbackRequest, dict(call.arguments))
                result["feedback_id"] = self._hub.feedback(generation.id, feedback, now, owner).feedback_id
                self.writer.on_details(generation.id)
            case "delete":
                self._hub.delete(generation.id, owner)
            case _:
                # What a viewer of the other gateway has seen here must be found there.
                with suppress(StoreError):
                    await self.writer.write([written])
        return {**result, "state": generation.state.value, "last": generation.log.last}


def _unavailable(error: StoreError) -> Refused:
    message = f"The gateways' shared store can't be used ({error.fault}): try again."
    return Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=1000)
