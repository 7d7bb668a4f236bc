"""This gateway as one of several that share a store: its parts, its tasks, and what it does for the others."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from gateway.clock import Clock, sleep
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.generation.lease import NO_LEASE, Lease
from gateway.pipeline.admission import Admission
from gateway.pipeline.handover import Terms
from gateway.pipeline.hub import Hub
from gateway.pipeline.records import may_read
from gateway.protocol.errors import Refused
from gateway.replicas.limits.admission import SharedAdmission
from gateway.replicas.limits.slots import SharedSlots
from gateway.replicas.limits.stream_counts import StreamCounts
from gateway.replicas.logs.log_writer import LogWriter
from gateway.replicas.logs.mirror_reader import MirrorReader
from gateway.replicas.logs.written_log import WrittenLog
from gateway.replicas.membership.configuration import Configuration
from gateway.replicas.membership.info import settings_of
from gateway.replicas.membership.ownership import Ownership
from gateway.replicas.membership.store_health import StoreHealth
from gateway.replicas.membership.takeover import Takeover
from gateway.replicas.membership.upkeep import Upkeep
from gateway.replicas.membership.watches import Watches
from gateway.replicas.messaging.commands import RETRY_SECONDS, Commands, unreadable
from gateway.replicas.messaging.messages import Call, Configured, SlotsChanged, Wake, Watch, Watching
from gateway.replicas.messaging.messenger import Messenger, Result
from gateway.replicas.messaging.questions import Questions
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.supervisor import Supervisor
from gateway.replicas.values.shared_state import SharedState
from gateway.security.principals import Principal
from gateway.store.base import Store
from gateway.store.errors import HEALS, StoreError
from gateway.store.starts import ClaimedKey
from gateway.telemetry.metrics.store_times import StoreTimes

logger = logging.getLogger(__name__)

OVER_SECONDS: Final = 0.001
"""Length of the last lease of a gateway that hands over what it ran: it has run out when the others look."""


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
        self.health = StoreHealth(clock)
        self.times = StoreTimes()
        self.configuration = configuration or Configuration()
        self._hub = hub
        self._clock = clock
        self._hands_over = False
        """The others are to take over what is left here."""
        self.shared = SharedState(store, self.name, hub, clock, policy.store_down)
        self.messenger = Messenger(store.messages, self.name, clock, self)
        self.ownership = Ownership(
            *(store, self.name, clock, policy),
            health=self.health,
            info=lambda: self.shared.info(self.configuration.digest),
            on_renewed=self._keep_up_soon,
            on_rejoined=self._on_rejoined,
        )
        continues = policy.on_owner_lost == "continue"
        self.writer = LogWriter(
            *(store.logs, self.name, clock),
            max_delay=policy.store_delay,
            with_prompt=continues,
            on_fenced=self._on_fenced,
            on_error=self.on_store_error,
            times=self.times,
        )
        self.ownership.attach(self.writer)
        self.watches = Watches(self.name, hub, self.messenger, self.writer)
        self.reader = MirrorReader(
            *(store.logs, hub.mirrors, clock),
            on_owner=self.watches.on_viewed,
            is_own=lambda name: hub.record(name) is not None,
            times=self.times,
        )
        slots = SharedSlots(store.slots, self.name, clock, hub.slots, policy.slot_lease, self._wake_for_slots)
        self.admission = SharedAdmission(store, self.name, hub, clock, slots, policy.owner_timeout)
        self.takeover = Takeover(
            *(store, self.name),
            hub=hub,
            lease=self.lease,
            reader=self.reader,
            writer=self.writer,
            slots=slots,
            continues=continues,
        )
        self.commands = Commands(
            *(store, self.name),
            hub=hub,
            ownership=self.ownership,
            messenger=self.messenger,
            reader=self.reader,
            writer=self.writer,
            takeover=self.takeover,
        )
        self.upkeep = Upkeep(
            self.name,
            hub=hub,
            ownership=self.ownership,
            watches=self.watches,
            reader=self.reader,
            writer=self.writer,
            takeover=self.takeover,
            drop_slots=slots.drop,
        )
        self._is_behind = asyncio.Event()
        """What depends on who is alive is to be done."""
        self.streams = StreamCounts(store.streams, self.name, clock, lambda: self.alive)
        self.health.on_lost = self._on_store_lost
        self.questions = Questions(self.messenger, hub, lambda: self.alive)
        self.supervisor = Supervisor(clock)
        hub.mirrors.on_viewed, hub.mirrors.on_left = self.watches.on_viewed, self.watches.on_left
        hub.on_forget(self._on_forget)

    @property
    def lease(self) -> Lease:
        """Return the right of this gateway to append to its logs."""
        return self.ownership.lease

    @property
    def alive(self) -> frozenset[str]:
        """Return the ids of the other gateways that are alive, as of the last renewal."""
        return frozenset(self.ownership.members.alive.keys() - {self.name})

    async def start(self) -> None:
        """Join the deployment, now or once the store can be used: until then it is as if the store had been lost.

        Raises:
            StoreError, ConfigurationError: see `connect`.
        """
        await self.connect()
        if self.health.is_connected:
            await self.ownership.tick()
        self.start_tasks()

    async def connect(self) -> None:
        """Connect to the store, if it can be reached; a second time does nothing.

        Raises:
            StoreError: the store does not let this gateway in, and waiting does not help.
            ConfigurationError: the same, and the message names the setting.
        """
        try:
            await self.ownership.connect()
        except StoreError as error:
            if error.fault not in HEALS:
                raise
            self.on_store_error(error)

    def start_tasks(self) -> None:
        """Start what runs until `close`."""
        start = self.supervisor.start
        start("lease", self._renew)
        start("upkeep", self._keep_up)
        start("log writer", self.writer.run)
        start("mirror reader", self.reader.run)
        start("outbox", self.messenger.send)
        start("inbox", self._receive)
        start("budgets", self.shared.budgets.run)
        start("admission", self.admission.run)
        start("slots", self.admission.slots.run)
        start("streams", self.streams.run)

    async def close(self) -> None:
        """Leave: write what is left, and tell the others. Call it once the hub is closed."""
        await self.supervisor.close()
        await self.messenger.close()
        self.admission.slots.close()
        self.streams.close()
        if self.health.is_connected:
            await self.shared.writes.flush()
            with suppress(StoreError):
                # First, so that no other failure keeps the ends of what ran here from being stored.
                await self.writer.write(self.writer)
                await self.shared.budgets.synchronize()
                await self.admission.exchange()
                await self.admission.slots.drop(self.name)
                await self.streams.exchange()
                await self.messenger.flush()
                await self._leave()
        self.shared.budgets.close()
        self.writer.pause()
        self.ownership.close()
        await self.store.close()

    @property
    def is_alone(self) -> bool:
        """Return True if no other gateway is alive."""
        return not self.alive

    async def hand_over(self) -> None:
        """Leave what runs here to the other gateways, which continue it once this one is closed; nothing of it is lost.

        Only for the policy `continue`: otherwise they would end it as lost.
        """
        running = [written for written in self.writer if not written.generation.log.ended]
        for written in running:
            if (record := self._hub.record(written.generation.id)) is not None:
                self._hub.handover.surrender(record, self.name, len(written.watchers))
        with suppress(StoreError):
            await self.writer.write(running)
        self._hands_over = bool(running)

    async def _leave(self) -> None:
        if self._hands_over:
            # The lease has run out for the others: they take over what is left.
            await self.store.members.renew(self.name, OVER_SECONDS, self.shared.info(self.configuration.digest))
        else:
            await self.store.members.remove(self.name)
            await self.store.messages.forget(self.name)

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
        alive = len(self.ownership.members.alive)
        return {"gateway": self.name, **self.health.stats(), "gateways": alive, "unwritten": unwritten}

    async def admit(
        self, principal: Principal, claim: ClaimedKey | None, sent: SentRequest | None = None
    ) -> Admission | Generation:
        """Admit a start; return the generation instead that its key has started before, on whichever gateway.

        Without a key, it is the one that the same request has started, if its client sends it again.

        Raises:
            Refused: a limit; or the store can't be used, and the policy is to refuse starts then.
        """
        if self.health.is_up:
            try:
                return await self.admission.admit(principal, claim, sent, self)
            except StoreError as error:
                self.on_store_error(error)
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
                self.on_store_error(error)
            else:
                return True
        self.check_open()
        return False

    async def find_resent(self, equal: Mapping[str, str], sent: SentRequest) -> str | None:
        """Return which of the generations on other gateways a request has started before; see `ask_owners`."""
        return await self.questions.find_resent(equal, sent)

    async def find_started(self, generation_id: str, principal: Principal) -> Generation | None:
        """Return a generation of the principal, wherever it runs; None if it is not known."""
        await self.fetch(generation_id, principal, 0)
        try:
            return self._hub.find(generation_id, principal)
        except Refused:
            return None

    async def sleep(self, seconds: float) -> None:
        """Wait some seconds of the clock."""
        await sleep(seconds, self._clock)

    async def add(self, generation: Generation) -> None:
        """Store a generation that has just been started here, and what it brings from now on.

        Raises:
            Refused: the store can't be used, and the policy is to refuse starts then.
        """
        record = self._hub.record(generation.id)
        if record is None or self.writer.get(generation.id) is not None:
            return
        generation.lease = self.lease
        terms = Terms(record.principal, record.on_disconnect, record.retention)
        try:
            await self.writer.create(self.writer.add(generation, terms))
        except StoreError as error:
            if self.policy.store_down == "refuse":
                self._hub.delete(generation.id, record.principal)
                raise self.health.unavailable() from error

    async def fetch(self, generation_id: str, principal: Principal, after: int) -> None:
        """Bring what is known here of a generation up to date, so that the hub finds it; an unknown one is ignored.

        Raises:
            Refused: the store can't be read.
        """
        if self._hub.record(generation_id) is not None:
            await self.ownership.confirm()
            if self._hub.record(generation_id) is not None:
                return
        try:
            if self.health.can_read:
                await self._fetch(generation_id, principal, after)
                return
        except StoreError as error:
            self.on_store_error(error)
        mirror = self._hub.mirrors.get(generation_id)
        if mirror is None or (may_read(principal, mirror) and after > mirror.generation.log.last):
            raise self.health.unavailable()

    async def _fetch(self, generation_id: str, principal: Principal, after: int) -> None:
        deadline = self._clock.now() + self.policy.owner_timeout
        try:
            mirror = await self.reader.fetch(generation_id)
            while mirror is not None and mirror.known is not None:
                # It ran here, and what is shown of it is not what another gateway will show.
                if self._clock.now() >= deadline:
                    raise self.health.unavailable()
                await sleep(RETRY_SECONDS, self._clock)
                mirror = await self.reader.fetch(generation_id)
            if mirror is None and (not self.health.is_up or self.health.is_recovering(self.policy.lease)):
                # Another gateway may have it, and store it yet.
                raise self.health.unavailable()
            if mirror is not None and may_read(principal, mirror) and after > mirror.generation.log.last:
                await self.commands.catch_up(mirror, after)
        except ValueError:
            raise unreadable() from None

    # Who is alive.

    async def _renew(self) -> None:
        try:
            await self.ownership.run()
        except Exception:
            # Without its lease, nothing of what runs here would be shown.
            self.on_store_error(StoreError("unreachable", "the gateway failed to renew its lease; see its log"))
            raise

    def _keep_up_soon(self) -> None:
        self._is_behind.set()

    async def _keep_up(self) -> None:
        while True:
            await self._is_behind.wait()
            self._is_behind.clear()
            try:
                await self.keep_up()
            except StoreError as error:
                self.on_store_error(error)

    async def keep_up(self) -> None:
        """Do what is to be done after each renewal of the lease: it may take longer than the lease lasts.

        Raises:
            StoreError: the rest is done after the next renewal.
        """
        alive = self.ownership.members.alive
        for other in self.configuration.unlike(settings_of(alive)):
            self.messenger.post(other, Configured(self.name, self.configuration.digests))
        await self.admission.exchange()
        await self.streams.exchange()
        await self.upkeep.remove_dead()
        await self.upkeep.read_all()
        self.watches.inform_all()
        self.writer.refresh()
        await self.shared.on_renewed(alive)

    async def _on_rejoined(self) -> None:
        self.upkeep.restart()
        await self.takeover.adopt_orphans()
        self.admission.on_data_lost()

    # Generations that others have taken over, or that are not retained any more.

    def _on_fenced(self, written: WrittenLog) -> None:
        generation, watchers = written.generation, len(written.watchers)
        self.watches.forget(written)
        record = self._hub.record(generation.id)
        if record is None:
            return
        mirror = self._hub.handover.surrender(record, "", watchers)
        mirror.fence = written.fence
        generation.lease = NO_LEASE
        if not generation.log.ended or written.is_dirty:
            generation.log.hold()
            mirror.known = written.stored
        self.reader.wake({generation.id: 0})

    def _on_forget(self, generation_id: str) -> None:
        written = self.writer.get(generation_id)
        self.writer.forget(generation_id)
        if written is not None and written.is_removed:
            self.watches.forget(written)

    # What others tell and ask for; see `Receiver`.

    async def _receive(self) -> None:
        await self.ownership.has_connected.wait()
        await self.messenger.receive(self.sleep)

    def on_store_error(self, error: StoreError) -> None:
        """Go on from memory; see `Ownership.on_store_error`."""
        self.messenger.fail_calls(error)
        self.ownership.on_store_error(error)

    def _on_store_lost(self) -> None:
        self.admission.slots.on_down(is_local=self.policy.store_down == "local")
        self.streams.on_down()

    def on_configured(self, configured: Configured) -> None:
        """Compare the settings of another gateway with those of this one."""
        self.configuration.compare(configured.sender, configured.digests)

    def on_wake(self, wake: Wake) -> None:
        """Read generations of other gateways."""
        self.reader.wake(wake.last)

    def on_watch(self, watch: Watch) -> None:
        """Count a gateway that has viewers of a generation as one viewer."""
        self.watches.on_watch(watch)

    def on_watching(self, watching: Watching) -> None:
        """Count what a gateway views, and nothing else."""
        self.watches.on_watching(watching)

    def on_slots_changed(self) -> None:
        """Read the claims of slots, which another gateway has granted or evicted."""
        self.admission.slots.on_message()

    def _wake_for_slots(self, replica: str) -> None:
        self.messenger.post(replica, SlotsChanged())

    async def on_call(self, call: Call) -> Result:
        """Carry out a command of a client of another gateway, which has checked that it may.

        Raises:
            Refused: `generation_lost`, or the hub refuses it.
            StoreError: it is not known whether what it changes is stored.
        """
        answer = await self.questions.answer(call)
        return await self.commands.carry_out(call) if answer is None else answer
