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
from gateway.pipeline.admission import Admission
from gateway.pipeline.hub import Hub
from gateway.pipeline.mirrors import Mirror
from gateway.pipeline.records import may_read
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, parse
from gateway.protocol.errors import Code, Refused, lost
from gateway.replicas.admission import SharedAdmission
from gateway.replicas.configuration import Configuration
from gateway.replicas.facts import Facts
from gateway.replicas.info import settings_of
from gateway.replicas.log_writer import BATCH_LOGS, LogWriter, WrittenLog, batches
from gateway.replicas.messages import Call, Configured, SlotsChanged, Wake, Watch
from gateway.replicas.messenger import Messenger, Result
from gateway.replicas.mirror_reader import MirrorReader
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.running import RunningGeneration, decode_reader, decode_rows, encode_reader, encode_rows
from gateway.replicas.shared_state import SharedState
from gateway.replicas.slots import SharedSlots
from gateway.replicas.store_health import StoreHealth
from gateway.replicas.suspects import Suspects
from gateway.replicas.takeover import Takeover, end_as_lost
from gateway.security.principals import Principal
from gateway.store.base import Store
from gateway.store.errors import HEALS, StoreError
from gateway.store.logs import Position
from gateway.store.members import Membership
from gateway.store.starts import ClaimedKey
from gateway.toml.problems import ConfigurationError

logger = logging.getLogger(__name__)

CONFIRM: Final = 0.25
"""Part of the interval between two renewals after which a gateway that seems dead is looked at again."""

_STATES: Final = frozenset(State)


class Replica:
    """One of the gateways of a deployment. `start` and `close` it; between them its tasks run."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        clock: Clock,
        policy: ReplicaPolicy,
        name: str | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        self.name = name or f"r_{secrets.token_urlsafe(9)}"
        """Random: a gateway that starts again is another one."""
        self.store = store
        self.policy = policy
        self.lease = Lease(on_lapse=self._tick_now)
        self.health = StoreHealth(clock)
        self.configuration = configuration or Configuration()
        self._hub = hub
        self._clock = clock
        self.messenger = Messenger(store.messages, self.name, clock, self)
        self.shared = SharedState(store, self.name, hub, clock, policy.store_down)
        self.alive: frozenset[str] = frozenset()
        """The ids of the other gateways that are alive, as of the last renewal."""
        self.writer = LogWriter(
            *(store.logs, self.name, clock),
            max_delay=policy.store_delay,
            with_prompt=policy.on_owner_lost == "continue",
            on_fenced=self._on_fenced,
            on_error=self._on_down,
        )
        self.reader = MirrorReader(store.logs, hub.mirrors, clock, self._watch)
        self._takeover = Takeover(store, self.name, hub, clock, self.reader, self.writer)
        confirm = policy.interval * CONFIRM
        self._gone = Suspects(confirm, policy.lease)
        """Gateways that are not alive."""
        self._vanished = Suspects(policy.owner_timeout, policy.lease)
        """Generations that are viewed here, and that the store does not have."""
        self._has_connected = asyncio.Event()
        self._gateways = 0
        self._renewed_at = clock.now()
        slots = SharedSlots(store.slots, self.name, clock, hub.slots, policy.slot_lease, self._wake_for_slots)
        self.admission = SharedAdmission(store, hub, clock, slots, policy.owner_timeout)
        self._fenced: dict[str, WrittenLog] = {}
        """Logs that others have taken over, and whose new events are not read yet."""
        self._tasks: list[asyncio.Task[None]] = []
        self._timer = RestartableTimer(clock)
        self._is_due = asyncio.Event()
        hub.mirrors.on_viewed, hub.mirrors.on_left = self._watch, self._unwatch
        hub.on_forget(self.writer.forget)

    async def start(self) -> None:
        """Join the deployment, now or once the store can be used: until then it is as if the store had been lost.

        Raises:
            StoreError, ConfigurationError: see `connect`.
        """
        await self.connect()
        if self.health.is_connected:
            await self.tick()
        coroutines = (
            *(self._run(), self.writer.run(), self.reader.run(), self.messenger.send()),
            *(self.shared.budgets.run(), self.admission.run(), self.admission.slots.run()),
        )
        self._tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
        self._tasks.append(asyncio.create_task(self._receive()))

    async def connect(self) -> None:
        """Connect to the store, if it can be reached; a second time does nothing.

        Raises:
            StoreError: the store does not let this gateway in, and waiting does not help.
            ConfigurationError: the same, and the message names the setting.
        """
        try:
            await self._connect()
        except StoreError as error:
            if error.fault not in HEALS:
                raise
            self._on_down(error)

    async def close(self) -> None:
        """Leave: write what is left, and tell the others. Call it once the hub is closed."""
        self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.messenger.close()
        self.admission.slots.close()
        if self.health.is_connected:
            with suppress(StoreError):
                await self.shared.budgets.synchronize()
                await self.writer.write(self.writer)
                await self.admission.exchange()
                await self.admission.slots.drop(self.name)
                await self.messenger.flush()
                await self.store.members.remove(self.name)
                await self.store.messages.forget(self.name)
        self.shared.budgets.close()
        self.writer.pause()
        self._timer.cancel()
        await self.store.close()

    @property
    def refuses_starts(self) -> bool:
        """Return True if the store can't be used, and the policy is to refuse starts then."""
        return self.policy.store_down == "refuse" and not self.health.is_up

    def check_open(self) -> None:
        """Check that generations may be started now.

        Raises:
            Refused: see `refuses_starts`.
        """
        if self.refuses_starts:
            raise self.health.unavailable()

    def stats(self) -> dict[str, object]:
        """Return the figures of the store for `GET /api/stats`."""
        unwritten = sum(written.is_dirty for written in self.writer)
        return {**self.health.stats(), "gateways": self._gateways, "unwritten": unwritten}

    async def admit(self, principal: Principal, claim: ClaimedKey | None) -> Admission | Generation:
        """Admit a start; return the generation instead that its key has started before, on whichever gateway.

        Raises:
            Refused: a limit; or the store can't be used, and the policy is to refuse starts then.
        """
        if self.health.is_up:
            try:
                return await self.admission.admit(principal, claim, self._find_started, self._wait)
            except StoreError as error:
                self._on_down(error)
        self.check_open()
        return self.admission.admit_locally(principal, claim)

    async def admit_call(self, principal: Principal) -> bool:
        """Count a call that is no generation; return False if it is to be counted in this gateway alone.

        Raises:
            Refused: as `admit`.
        """
        if self.health.is_up:
            try:
                await self.admission.admit_call(principal)
            except StoreError as error:
                self._on_down(error)
            else:
                return True
        self.check_open()
        return False

    async def _find_started(self, generation_id: str, principal: Principal) -> Generation | None:
        if self._hub.record(generation_id) is None:
            await self.fetch(generation_id, principal, 0)
        try:
            return self._hub.find(generation_id, principal)
        except Refused:
            return None

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
                raise self.health.unavailable() from error

    async def fetch(self, generation_id: str, principal: Principal, after: int) -> None:
        """Read a generation of another gateway, so that the hub finds it; an unknown one is ignored.

        Raises:
            Refused: the store can't be read.
        """
        try:
            if self.health.can_read:
                mirror = await self.reader.fetch(generation_id)
                if mirror is not None and may_read(principal, mirror) and after > mirror.generation.log.last:
                    await self._catch_up(mirror)
                return
        except StoreError as error:
            self._on_down(error)
        mirror = self._hub.mirrors.get(generation_id)
        if mirror is None or (may_read(principal, mirror) and after > mirror.generation.log.last):
            raise self.health.unavailable()

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
        if not self.health.is_up:
            raise self.health.unavailable()
        try:
            result = await self.messenger.call(mirror.owner, action, generation.id, arguments)
            await self.reader.fetch(generation.id)
        except StoreError as error:
            self._on_down(error)
            raise self.health.unavailable() from error
        except TimeoutError:
            message = "The gateway that runs this generation does not answer: try again."
            raise Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=1000) from None
        if not generation.log.ended and (state := result.get("state")) in _STATES:
            generation.state = State(state)
        return result

    async def running_elsewhere(self, principal: Principal) -> list[RunningGeneration]:
        """Return the generations of the other gateways that a principal may read, of those that answer."""
        arguments = encode_reader(principal)
        calls = [self.messenger.call(name, "list", "", arguments) for name in sorted(self.alive)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Refused | TimeoutError | StoreError):
                raise answer
        return [row for answer in answers if not isinstance(answer, BaseException) for row in decode_rows(answer)]

    # The lease.

    async def _run(self) -> None:
        while True:
            self._timer.start(self._delay(), self._is_due.set)
            await self._is_due.wait()
            self._is_due.clear()
            await self.tick()

    async def _receive(self) -> None:
        await self._has_connected.wait()
        await self.messenger.receive(self._wait)

    def _delay(self) -> float:
        interval = self.policy.interval
        return interval * CONFIRM if self._gone.is_pending and self.health.is_up else self.health.delay(interval)

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
        try:
            await self._connect()
            members = await self._renew()
            if not (self.health.is_up and members.was_alive):
                await self._verify()
                self.admission.on_data_lost()
            self.alive = frozenset(members.alive.keys() - {self.name})
            for other in self.configuration.unlike(settings_of(members.alive)):
                self.messenger.post(other, Configured(self.name, self.configuration.digests))
            await self.admission.exchange()
            await self._remove_dead(members)
            await self._read_all()
            await self.shared.on_renewed(members.alive)
        except StoreError as error:
            self._on_down(error)
        except ConfigurationError as error:
            # The store came only after the start of this gateway, and another one will not do better.
            self._on_down(StoreError("refused", str(error)))

    async def _connect(self) -> None:
        if not self.health.is_connected:
            await self.store.start()
            self.health.is_connected = True
            self._has_connected.set()

    async def _renew(self) -> Membership:
        now = self._clock.now()
        members = await self.store.members.renew(
            self.name, self.policy.lease, self.shared.info(self.configuration.digest)
        )
        self._gateways = len(members.alive)
        if self.health.is_up and members.was_alive:
            self.lease.expires = now + self.policy.lease
        self._renewed_at = now
        return members

    async def _verify(self) -> None:
        """Find out which generations are still ours, after a time in which others could take them over.

        What the store lacks is written: in parts, between which the lease is renewed.
        """
        lacking = sum(written.is_dirty for written in self.writer)
        recreated = self.writer.recreated
        for batch in batches(tuple(self.writer), BATCH_LOGS):
            await self.writer.write(batch, verify=True)
            if self._clock.now() - self._renewed_at >= self.policy.interval:
                await self._renew()
        self.lease.expires = self._renewed_at + self.policy.lease
        self._gone.restart(self._clock.now())
        self._vanished.restart(self._clock.now())
        await self.writer.drop_abandoned()
        self.health.on_success(max(lacking, self.writer.recreated - recreated))
        self.writer.resume()
        self._release_logs()
        # Messages about viewers may be lost: with the data of the store, or because it could not be reached.
        for mirror in self._hub.mirrors:
            self._post_watch(mirror, viewing=mirror.viewers > 0)

    def _release_logs(self) -> None:
        for written in self.writer:
            written.generation.log.release()
            written.generation.log.wake()

    def _on_down(self, error: StoreError) -> None:
        """Go on from memory."""
        was_up = self.health.is_up
        self.health.on_error(error)
        if was_up:
            self._timer.start(self._delay(), self._tick_now)
        self.lease.expires = Lease().expires
        self.writer.pause()
        self.messenger.fail_calls(error)
        self._release_logs()
        self.admission.slots.on_down(is_local=self.policy.store_down == "local")

    async def _remove_dead(self, members: Membership) -> None:
        owners = {mirror.owner for mirror in self._hub.mirrors if mirror.viewers and not mirror.generation.log.ended}
        watchers = {watcher for written in self.writer for watcher in written.watchers}
        missing = {*members.dead, *owners, *watchers} - members.alive.keys() - {"", self.name}
        for dead in self._gone.confirm(missing, self._clock.now()):
            for written in self.writer:
                if dead in written.watchers:
                    self._remove_watcher(written, dead)
            await self.admission.slots.drop(dead)
            await self._takeover.take_over(dead)

    async def _read_all(self) -> None:
        """Read what messages may have missed, and drop what is no longer read."""
        for written in tuple(self._fenced.values()):
            await self._follow_owner(written)
        viewed = [mirror.generation.id for mirror in self._hub.mirrors if mirror.viewers]
        missing = await self.reader.read(viewed)
        for generation_id in self._vanished.confirm(missing, self._clock.now()):
            self._end_vanished(generation_id)
        self.reader.drop_unused()
        for written in self.writer:
            has_ended = written.generation.log.ended and not written.is_dirty
            if has_ended and self._hub.record(written.generation.id) is None:
                self.writer.remove(written.generation.id)

    def _end_vanished(self, generation_id: str) -> None:
        """End a generation for its viewers here: its owner is alive, and has it no longer."""
        mirror = self._hub.mirrors.get(generation_id)
        if mirror is not None and not mirror.generation.log.ended:
            end_as_lost(mirror, mirror.fence + 1, self._clock.now())

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
        if mirror.viewers:
            self._post_watch(mirror, viewing=True)

    def _unwatch(self, mirror: Mirror) -> None:
        # A viewer that is sent to another gateway comes back: it must not look as if the last one had left.
        if not self._hub.departures.has_begun:
            self._post_watch(mirror, viewing=False)

    def _post_watch(self, mirror: Mirror, *, viewing: bool) -> None:
        if not mirror.generation.log.ended and mirror.owner not in {"", self.name}:
            self.messenger.post(mirror.owner, Watch(self.name, mirror.generation.id, viewing=viewing))

    def _remove_watcher(self, written: WrittenLog, watcher: str) -> None:
        written.watchers.discard(watcher)
        self._hub.remove_viewer(written.generation.id)

    # What others ask for; see `Receiver`.

    def on_configured(self, configured: Configured) -> None:
        """Compare the settings of another gateway with those of this one."""
        self.configuration.compare(configured.sender, configured.digests)

    def on_store_error(self, error: StoreError) -> None:
        """Go on from memory: messages were lost."""
        self._on_down(error)

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

    def on_slots_changed(self) -> None:
        """Read the claims of slots, which another gateway has granted or evicted."""
        self.admission.slots.on_message()

    def _wake_for_slots(self, replica: str) -> None:
        self.messenger.post(replica, SlotsChanged())

    async def on_call(self, call: Call) -> Mapping[str, JsonValue]:
        """Carry out a command of a client of another gateway, which has checked that it may.

        Raises:
            Refused: `generation_lost`, or the hub refuses it.
        """
        if call.action == "list":
            return encode_rows([*map(RunningGeneration.of, self._hub.running_for(decode_reader(call.arguments)))])
        record, written = self._hub.record(call.generation_id), self.writer.get(call.generation_id)
        if record is None or written is None:
            raise lost(call.generation_id)
        generation, now, owner = record.generation, self._clock.now(), record.principal
        result: dict[str, JsonValue] = {}
        match call.action:
            case "interrupt":
                request = parse(InterruptRequest, dict(call.arguments))
                result["stopped"] = self._hub.interrupt(generation.id, request, now, owner).stopped
            case "interrupt_unviewed":
                request = parse(InterruptRequest, dict(call.arguments))
                stopped = not record.viewers and self._hub.interrupt(generation.id, request, now, owner).stopped
                result["stopped"] = stopped
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
