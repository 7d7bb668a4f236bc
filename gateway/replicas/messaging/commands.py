"""Commands for generations of any gateway: each is carried out by the owner, once, and its result comes back.

A command may be sent twice, because its owner has changed meanwhile. So each can be repeated: an interrupt stops what
it has stopped already, feedback carries its id, and what is deleted can't be deleted again.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from gateway.clock import sleep
from gateway.generation.state import State
from gateway.pipeline.hub import FeedbackResult, Hub, InterruptResult, new_id
from gateway.pipeline.mirrors import Mirror
from gateway.pipeline.records import Record
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, parse
from gateway.protocol.errors import Code, Refused, lost
from gateway.replicas.logs.log_writer import LogWriter
from gateway.replicas.logs.mirror_reader import MirrorReader
from gateway.replicas.membership.ownership import Ownership
from gateway.replicas.membership.store_health import unavailable
from gateway.replicas.membership.takeover import Takeover
from gateway.replicas.messaging.messages import Call
from gateway.replicas.messaging.messenger import Messenger, Result
from gateway.security.principals import Principal
from gateway.store.base import Store
from gateway.store.errors import StoreError

RETRY_SECONDS: Final = 0.05
"""Time after which a generation whose owner changes is read again, or its owner is asked again."""

MIN_WAIT_SECONDS: Final = 0.01
"""Shortest wait for a reply, at the deadline: one that has come already is read."""

_STATES: Final = frozenset(State)


class Commands:
    """Sends the commands of clients here to owners, and carries out those that come for generations of this gateway.

    The caller has checked that its client may command the generation.
    """

    def __init__(
        self,
        store: Store,
        replica: str,
        *,
        hub: Hub,
        ownership: Ownership,
        messenger: Messenger,
        reader: MirrorReader,
        writer: LogWriter,
        takeover: Takeover,
    ) -> None:
        self._store = store
        self._replica = replica
        self._hub = hub
        self._clock = hub.clock
        self._ownership = ownership
        self._policy = ownership.policy
        self._health = ownership.health
        self._messenger = messenger
        self._reader = reader
        self._writer = writer
        self._takeover = takeover

    # Commands of clients here.

    async def interrupt(
        self,
        generation_id: str,
        request: InterruptRequest,
        read_at: float,
        principal: Principal,
        *,
        unless_viewed: bool = False,
    ) -> InterruptResult:
        """Stop a generation; see `Generations.interrupt`.

        Raises:
            Refused: as `Hub.interrupt`, or its gateway does not answer.
        """
        action = "interrupt_unviewed" if unless_viewed else "interrupt"
        generation = self._hub.find_for_command(generation_id, principal)
        result = await self._send(generation_id, action, _arguments(request))
        if result is not None:
            return InterruptResult(generation, bool(result.get("stopped")))
        if unless_viewed and self._hub.is_viewed(generation_id):
            return InterruptResult(generation, stopped=False)
        interrupted = self._hub.interrupt(generation_id, request, read_at, principal)
        self._writer.on_details(generation_id)
        return interrupted

    async def feedback(
        self, generation_id: str, request: FeedbackRequest, read_at: float, principal: Principal
    ) -> FeedbackResult:
        """Record feedback on a generation; see `Generations.feedback`.

        Raises:
            Refused: as `Hub.feedback`, or its gateway does not answer.
        """
        feedback_id = new_id("f")
        generation = self._hub.find_for_command(generation_id, principal)
        result = await self._send(generation_id, "feedback", {**_arguments(request), "feedback_id": feedback_id})
        if result is not None:
            return FeedbackResult(generation, feedback_id)
        recorded = self._hub.feedback(generation_id, request, read_at, principal, feedback_id)
        self._writer.on_details(generation_id)
        return recorded

    async def delete(self, generation_id: str, principal: Principal) -> None:
        """Drop a generation; see `Generations.delete`.

        Raises:
            Refused: `generation_lost` or `forbidden`, the store can't be used, or its gateway does not answer.
        """
        self._hub.find_for_command(generation_id, principal)
        if await self._send(generation_id, "delete", {}) is not None:
            await self._forget_deleted(generation_id)
            return
        record = self._hub.record(generation_id)
        try:
            if record is not None:
                await self._delete(record)
            else:
                await self._store.logs.delete(generation_id)
                self._hub.mirrors.remove(generation_id)
        except StoreError as error:
            raise self._health.unavailable() from error

    async def _forget_deleted(self, generation_id: str) -> None:
        with suppress(StoreError, ValueError):
            await self._reader.fetch(generation_id)

    async def catch_up(self, mirror: Mirror, after: int) -> None:
        """Read up to a position that the owner has not stored yet; if it is gone, what follows in its place.

        Raises:
            Refused: it is not known yet whether the position exists: the owner does not answer, and was not taken over.
        """
        deadline = self._clock.now() + self._policy.owner_timeout
        log = mirror.generation.log
        while after > log.last and not log.ended:
            result = None
            with suppress(Refused):
                # If it is ours, it is being taken over by this gateway.
                if mirror.owner != self._replica:
                    result = await self._ask(mirror, "store", {}, deadline)
                    await self._reader.fetch(mirror.generation.id)
            reached = None if result is None else result.get("last")
            if isinstance(reached, int) and reached < after:
                return
            if after > log.last and not log.ended:
                if self._clock.now() >= deadline:
                    raise _no_answer()
                # Its owner changes, or is a new one that has nothing to show yet.
                await self._read_again(mirror)

    async def _send(self, generation_id: str, action: str, arguments: Result) -> Result | None:
        """Send a command to the owner of a generation. None: it is to be carried out here.

        Raises:
            Refused: the owner refuses it, or does not answer.
        """
        deadline = self._clock.now() + self._policy.owner_timeout
        try:
            while (mirror := self._hub.mirrors.get(generation_id)) is not None:
                if mirror.generation.log.ended and await self._can_do_here(mirror, action):
                    break
                try:
                    result = await self._ask(mirror, action, arguments, deadline)
                except Refused as refused:
                    if refused.code is not Code.GENERATION_LOST or self._clock.now() >= deadline:
                        raise
                    # Its owner has just changed, or is changing.
                    await self._read_again(mirror)
                    continue
                if result is not None:
                    await self._reader.fetch(generation_id)
                    return self._record_state(mirror, result)
                if self._clock.now() >= deadline:
                    raise _no_answer()
        except StoreError as error:
            raise self._health.unavailable() from error
        except ValueError:
            raise unreadable() from None
        return None

    async def _can_do_here(self, mirror: Mirror, action: str) -> bool:
        """Return True if a command for a generation that has ended needs no other gateway."""
        if action.startswith("interrupt"):
            return True
        if mirror.owner != self._replica and self._ownership.is_alive(mirror.owner):
            return False
        if action == "feedback":
            await self._takeover.adopt_ended(mirror)
            return self._hub.record(mirror.generation.id) is not None
        return True

    async def _ask(self, mirror: Mirror, action: str, arguments: Result, deadline: float) -> Result | None:
        """Send a command to the owner; None if it has died before it answered, or the deadline has passed.

        Raises:
            Refused: the owner refuses it.
            StoreError: the message was not sent, or the owner can't be heard.
        """
        if not self._health.is_up:
            raise self._health.unavailable()
        generation_id, owner = mirror.generation.id, mirror.owner
        was_over = mirror.generation.log.ended
        async with self._messenger.calling(owner, action, generation_id, arguments) as call:
            while not await call.wait(self._wait_until(deadline)):
                await self._reader.fetch(generation_id)
                is_over = mirror.generation.log.ended and not was_over
                if is_over or mirror.owner != owner or self._hub.mirrors.get(generation_id) is not mirror:
                    return None
                if self._clock.now() >= deadline or (was_over and not self._ownership.is_alive(owner)):
                    return None
            return call.result()

    def _wait_until(self, deadline: float) -> float:
        return min(self._policy.interval, max(MIN_WAIT_SECONDS, deadline - self._clock.now()))

    async def _read_again(self, mirror: Mirror) -> None:
        await sleep(RETRY_SECONDS, self._clock)
        await self._reader.fetch(mirror.generation.id)

    @staticmethod
    def _record_state(mirror: Mirror, result: Result) -> Result:
        if not mirror.generation.log.ended and (state := result.get("state")) in _STATES:
            mirror.generation.state = State(state)
        return result

    # Commands that come.

    async def carry_out(self, call: Call) -> Result:
        """Carry out a command of a client of another gateway, which has checked that it may.

        Raises:
            Refused: `generation_lost`: it is not owned here; or the hub refuses it.
            StoreError: it is not known whether what it changes is stored.
        """
        await self._ownership.confirm()
        record, written = await self._record(call.generation_id), self._writer.get(call.generation_id)
        if record is None or written is None:
            raise lost(call.generation_id)
        generation, now, owner, arguments = record.generation, self._clock.now(), record.principal, dict(call.arguments)
        result: dict[str, JsonValue] = {}
        match call.action:
            case "interrupt" | "interrupt_unviewed":
                request = parse(InterruptRequest, arguments)
                if call.action == "interrupt" or not record.viewers:
                    result["stopped"] = self._hub.interrupt(generation.id, request, now, owner).stopped
                    self._writer.on_details(generation.id)
            case "feedback":
                feedback_id = str(arguments.pop("feedback_id", "")) or None
                self._hub.feedback(generation.id, parse(FeedbackRequest, arguments), now, owner, feedback_id)
                # Stored before it is acknowledged: the gateway that asks may read it at once.
                written.details += 1
                await self._writer.write([written])
            case "delete":
                await self._delete(record)
            case _:
                # What a viewer of the other gateway has seen here must be found there.
                await self._writer.write([written])
        return {**result, "state": generation.state.value, "last": generation.log.last}

    async def _record(self, generation_id: str) -> Record | None:
        """Return a generation of this gateway, which may have dropped it from its memory since it ended."""
        record = self._hub.record(generation_id)
        if record is None:
            try:
                mirror = await self._reader.fetch(generation_id)
                if mirror is not None and mirror.owner == self._replica and mirror.generation.log.ended:
                    await self._takeover.adopt_ended(mirror)
            except ValueError:
                return None
            record = self._hub.record(generation_id)
        return record

    async def _delete(self, record: Record) -> None:
        generation, written = record.generation, self._writer.get(record.generation.id)
        if generation.end is not None:
            await self._store.logs.delete(generation.id)
        elif written is not None:
            written.is_deleted = True
        if self._hub.record(generation.id) is record:
            self._hub.delete(generation.id, record.principal)


def unreadable() -> Refused:
    """Build the refusal of a generation that can't be read here."""
    return unavailable(
        "This generation was stored by another version of the gateway, and can't be read by this one: try again."
    )


def _no_answer() -> Refused:
    return unavailable("The gateway that runs this generation does not answer: try again.")


def _arguments(request: InterruptRequest | FeedbackRequest) -> Mapping[str, JsonValue]:
    """Return the fields of a request, without those that a command on a socket has beside them."""
    kind = InterruptRequest if isinstance(request, InterruptRequest) else FeedbackRequest
    return request.model_dump(mode="json", exclude_unset=True, include={*kind.model_fields})
