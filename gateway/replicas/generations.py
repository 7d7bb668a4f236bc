"""All generations, wherever they run: what routes and transports start, find and command."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from gateway.billing.budgets import BudgetCharge
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.generation.source import UNKNOWN_SOURCE, StartSource
from gateway.pipeline.admission import Admission
from gateway.pipeline.hub import FeedbackResult, Hub, InterruptResult, fingerprint
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest
from gateway.protocol.errors import Refused
from gateway.replicas.keyed_lock import KeyedLock
from gateway.replicas.messaging.running import RunningGeneration, newest_first
from gateway.replicas.policy import REPLY_SECONDS
from gateway.security.principals import Principal
from gateway.store.errors import StoreError
from gateway.store.starts import ClaimedKey
from gateway.upstreams.base import VerbatimRequest

if TYPE_CHECKING:
    from gateway.replicas.messaging.messenger import Result
    from gateway.replicas.replica import Replica
    from gateway.replicas.values.shared_state import SharedState


class Generations:
    """The generations of all replicas. `hub` has those of this process, and what is of this process alone.

    A method that is named as one of `Hub` does the same, wherever the generation runs. What it returns can be read in
    this process: a viewer attaches to it as to any other.
    """

    def __init__(self, hub: Hub, replica: "Replica | None" = None) -> None:
        self.hub = hub
        self._replica = replica
        self._starting = KeyedLock[tuple[str, str]]()

    @property
    def shared(self) -> "SharedState | None":
        """Return what all replicas share beside generations; None without a store."""
        return None if self._replica is None else self._replica.shared

    @property
    def is_store_up(self) -> bool:
        """Return True if the shared store can be used, or if there is none."""
        return self._replica is None or self._replica.health.is_up

    @property
    def refuses_starts(self) -> bool:
        """Return True while starts are refused because the shared store can't be used."""
        return self._replica is not None and self._replica.refuses_starts

    @property
    def name(self) -> str:
        """Return the name of this gateway among those that share its store; "" without a store."""
        return "" if self._replica is None else self._replica.name

    def answer(self, action: str, handler: "Callable[[Result], Awaitable[Result]]") -> None:
        """Await `handler` with the arguments when another gateway asks for `action` by `ask_all`."""
        if self._replica is not None:
            self._replica.questions.handlers[action] = handler

    async def ask_all(
        self, action: str, arguments: "Result", seconds: float = REPLY_SECONDS
    ) -> "Mapping[str, Result | Refused | TimeoutError | StoreError]":
        """Return the answers of the other gateways by name, or why there is none; see `Questions.ask_all`."""
        return {} if self._replica is None else await self._replica.questions.ask_all(action, arguments, seconds)

    def store_stats(self) -> dict[str, object] | None:
        """Return the figures of the shared store for `GET /api/stats`; None without one."""
        return None if self._replica is None else self._replica.stats()

    async def start(  # noqa: PLR0913 - options, all passed by name
        self,
        request: StartRequest,
        *,
        request_id: str,
        principal: Principal,
        source: StartSource = UNKNOWN_SOURCE,
        idempotency_key: str | None = None,
        verbatim: VerbatimRequest | None = None,
        sent: SentRequest | None = None,
        retention: float = 0.0,
        with_defaults: bool = True,
    ) -> Generation:
        """Start a generation here, or return the one that was started before, wherever it runs; see `Hub.start`.

        Raises:
            Refused: as `Hub.start`, or the shared store can't be used.
        """
        start = partial(
            self.hub.start,
            request,
            request_id=request_id,
            principal=principal,
            source=source,
            idempotency_key=idempotency_key,
            verbatim=verbatim,
            sent=sent,
            retention=retention,
            with_defaults=with_defaults,
        )
        if self._replica is None:
            return start()
        key = None if idempotency_key is None else (principal.id, idempotency_key)
        # Of those with one key, the first one starts a generation, which the others find here.
        async with self._starting.hold(key):
            try:
                admission = await self._admit(self._replica, request, principal, idempotency_key, sent)
            except Refused as refused:
                self.hub.on_refused(refused, principal, source, sent)
                raise
            if isinstance(admission, Generation):
                return admission
            return await self._run(self._replica, start, admission)

    async def _admit(
        self,
        replica: "Replica",
        request: StartRequest,
        principal: Principal,
        idempotency_key: str | None,
        sent: SentRequest | None,
    ) -> Admission | Generation:
        started = self.hub.check_start(request, principal=principal, idempotency_key=idempotency_key, sent=sent)
        if started is not None:
            return started
        claim = None if idempotency_key is None else ClaimedKey(idempotency_key, fingerprint(request, sent))
        replica.check_open()
        # Not beside each other: a start that is cancelled between their ends would keep what it was granted.
        await replica.shared.budgets.refresh(principal)
        return await replica.admit(principal, claim, sent)

    async def _run(self, replica: "Replica", start: Callable[..., Generation], admission: Admission) -> Generation:
        generation = None
        try:
            generation = start(admission=admission)
        finally:
            if generation is None or generation.id != admission.generation_id:
                # Refused, or found to be sent again.
                replica.admission.undo(admission)
        try:
            await replica.add(generation)
        except asyncio.CancelledError:
            self._on_client_left(generation.id)
            raise
        return generation

    @contextmanager
    def client_may_leave(self, generation_id: str) -> Iterator[None]:
        """Apply the disconnect policy to a new generation if what its client waits for is cancelled: it has left.

        For what is awaited between the start of a generation and its first viewer.
        """
        try:
            yield
        except asyncio.CancelledError:
            self._on_client_left(generation_id)
            raise

    def _on_client_left(self, generation_id: str) -> None:
        if self.hub.record(generation_id) is not None:
            self.hub.add_viewer(generation_id)
            self.hub.remove_viewer(generation_id)

    async def admit_call(self, principal: Principal) -> BudgetCharge:
        """Count a call that is no generation, under limits that all replicas share; see `Hub.admit_call`.

        Raises:
            Refused: as `Hub.admit_call`.
        """
        if self._replica is None:
            return self.hub.admit_call(principal)
        await self._replica.shared.budgets.refresh(principal)
        is_counted = await self._replica.admit_call(principal)
        try:
            return self.hub.admit_call(principal, is_counted=is_counted)
        except Refused:
            if is_counted:
                self._replica.admission.undo_call(principal)
            raise

    async def find(self, generation_id: str, principal: Principal, after: int = 0) -> Generation:
        """Return a generation that the principal may read, wherever it runs or is retained.

        Its log has the event `after` if the generation has it: of one that runs elsewhere, that may not be stored yet.

        Raises:
            Refused: `generation_lost`, also for a generation of another principal: ids can't be probed; or the store
                can't be read.
        """
        if self._replica is not None:
            await self._replica.fetch(generation_id, principal, after)
        return self.hub.find(generation_id, principal)

    def is_elsewhere(self, generation_id: str) -> bool:
        """Return True if a generation may run on another gateway, for which a command has to wait."""
        return self._replica is not None and self.hub.record(generation_id) is None

    async def find_for_command(self, generation_id: str, principal: Principal) -> Generation:
        """Return a generation that the principal may interrupt and give feedback to, wherever it runs.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        await self.find(generation_id, principal)
        return self.hub.find_for_command(generation_id, principal)

    async def add_alias(self, generation_id: str, alias: str, principal: Principal) -> str | None:
        """Name a generation by an id that its client has chosen, for all replicas; see `Hub.add_alias`.

        Without the store, the name is known here alone.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        await self.find_for_command(generation_id, principal)
        record = self.hub.record(generation_id)
        before = None if record is None else self.hub.add_alias(generation_id, alias, principal)
        if self._replica is None:
            return before
        retention = self.hub.retention if record is None else record.retention
        with suppress(StoreError):
            before = await self._replica.shared.aliases.add(generation_id, alias, principal.id, retention)
        return before

    async def find_by_alias(self, alias: str, principal: Principal) -> Generation | None:
        """Return the generation that an alias of the principal names, wherever it runs; None if it may read none."""
        if self._replica is not None:
            with suppress(StoreError):
                generation_id = await self._replica.shared.aliases.find(alias, principal.id, self.hub.retention)
                if generation_id is not None:
                    return await self._replica.find_started(generation_id, principal)
        return self.hub.find_by_alias(alias, principal)

    async def running_for(self, principal: Principal) -> list[RunningGeneration]:
        """Return the generations of all replicas that the principal may read and that have not ended, newest first."""
        here = [*map(RunningGeneration.of, self.hub.running_for(principal))]
        if self._replica is None:
            return here
        return newest_first([*here, *await self._replica.questions.running_elsewhere(principal)])

    async def interrupt(
        self,
        generation_id: str,
        request: InterruptRequest,
        read_at: float,
        principal: Principal,
        *,
        unless_viewed: bool = False,
    ) -> InterruptResult:
        """Stop a generation, wherever it runs; a second time does nothing.

        With `unless_viewed`, one that has viewers on any replica goes on.

        Raises:
            Refused: `generation_lost`, `forbidden`, or `already_over` if it ended in another way.
        """
        generation = await self.find_for_command(generation_id, principal)
        if unless_viewed and self.hub.is_viewed(generation_id):
            return InterruptResult(generation, stopped=False)
        if self._replica is None:
            return self.hub.interrupt(generation_id, request, read_at, principal)
        commands = self._replica.commands
        return await commands.interrupt(generation_id, request, read_at, principal, unless_viewed=unless_viewed)

    async def can_interrupt(self, generation_id: str, principal: Principal) -> bool:
        """Return True if an interrupt of this principal would stop the generation now, wherever it runs."""
        with suppress(Refused):
            await self.find(generation_id, principal)
        return self.hub.can_interrupt(generation_id, principal)

    async def feedback(
        self, generation_id: str, request: FeedbackRequest, read_at: float, principal: Principal
    ) -> FeedbackResult:
        """Record feedback on a generation, wherever it runs.

        Raises:
            Refused: as `Hub.feedback`.
        """
        await self.find_for_command(generation_id, principal)
        if self._replica is None:
            return self.hub.feedback(generation_id, request, read_at, principal)
        return await self._replica.commands.feedback(generation_id, request, read_at, principal)

    async def delete(self, generation_id: str, principal: Principal) -> None:
        """Drop a generation, wherever it runs or is retained; one that runs is stopped first.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        await self.find_for_command(generation_id, principal)
        if self._replica is None:
            self.hub.delete(generation_id, principal)
        else:
            await self._replica.commands.delete(generation_id, principal)
