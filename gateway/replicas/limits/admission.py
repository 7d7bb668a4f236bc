"""Admit starts under limits that all gateways share: rates, idempotency keys and slots."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple, Protocol, TypeVar

from gateway.admission.rate_limits import NO_SIZES
from gateway.clock import Clock
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.pipeline.admission import Admission
from gateway.pipeline.hub import Hub
from gateway.pipeline.records import Record, key_conflict
from gateway.protocol.errors import Refused
from gateway.protocol.events import Error
from gateway.replicas.limits.settlements import Settlements
from gateway.replicas.limits.slots import SharedSlots
from gateway.security.principals import Principal
from gateway.store.base import Store
from gateway.store.errors import StoreError
from gateway.store.starts import ClaimedKey, LocalUse, Settlement, StartAttempt, StartDecision

KEY_SECONDS: Final = 86_400.0
"""How long a key stands for a generation that runs. When it has ended: as long as it is retained."""

MERGED: Final = 500
"""Maximum number of principals whose decisions are sent at once."""

POLL_SECONDS: Final = 0.05
"""Time after which a generation is looked for again that another gateway is about to start."""

T = TypeVar("T")


class Others(Protocol):
    """What is known of starts on other gateways."""

    async def find_started(self, generation_id: str, principal: Principal) -> Generation | None:
        """Return a generation of the principal, wherever it runs; None if it is not known."""
        ...

    async def find_resent(self, equal: Mapping[str, str], sent: SentRequest) -> str | None:
        """Return which of the generations on other gateways a request has started before; None without one."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class _Started(NamedTuple):
    attempt: StartAttempt
    principal: Principal
    is_local: bool
    """The store does not know of it."""


class SharedAdmission:
    """What gateways decide together on starts. Its owner runs `run` as a task.

    `claim_timeout` is the time within which a gateway that has claimed a key stores the generation, unless it has died.
    """

    def __init__(
        self, store: Store, replica: str, hub: Hub, clock: Clock, slots: SharedSlots, claim_timeout: float
    ) -> None:
        self.slots = slots
        self._store = store.starts
        self._replica = replica
        self._hub = hub
        self._clock = clock
        self._claim_timeout = claim_timeout
        self._settlements = Settlements(store.starts, replica)
        self._started: dict[str, _Started] = {}
        """Starts by the ids of their generations: those that run, and those with keys as long as they are retained."""
        self._local: dict[str, Principal] = {}
        """Principals of whom starts were counted here alone."""
        self._has_lost_data = False
        """The store may have lost what was sent to it."""
        self._is_due = asyncio.Event()
        hub.on_end.append(self._on_end)
        hub.queued_elsewhere = slots.__len__
        hub.on_forget(self._on_forget)

    # Starts.

    async def admit(
        self, principal: Principal, claim: ClaimedKey | None, sent: SentRequest | None, others: Others
    ) -> Admission | Generation:
        """Admit a start; return the generation instead that its key has started before, on whichever gateway.

        Without a key, it is the one that the same request has started, if its client sends it again. What was granted
        must be used, or given back by `undo`.

        Raises:
            Refused: rate limit, full queue, or a key that was used for another request.
            StoreError: nothing was decided.
        """
        generation_id, former = self._hub.new_id("g"), ""
        sizes = self._hub.rate_limits.sizes(principal.limits)
        digest = b"" if sent is None or claim is not None or not self._hub.recognizes_resends else sent.digest
        if claim is None and not digest and sizes == NO_SIZES:
            attempt = StartAttempt(principal.id, generation_id, sizes)
            await self._claim_slot(attempt, principal)
            return self._admission(attempt, principal, is_local=False)
        is_new = False
        while True:
            attempt = StartAttempt(
                *(principal.id, generation_id, sizes, claim, former),
                digest=digest,
                replica=self._replica,
                is_new=is_new,
            )
            decision = await self._decide(principal, attempt)
            if decision.outcome == "equal" and sent is not None:
                is_new, resent = True, await others.find_resent(decision.equal, sent)
                if resent is not None and (found := await others.find_started(resent, principal)) is not None:
                    return found
                continue
            if decision.outcome != "known":
                break
            known = await others.find_started(decision.generation_id, principal)
            if known is None and decision.age < self._claim_timeout:
                # The gateway that has claimed the key is about to store the generation, or to give the key back.
                await others.sleep(POLL_SECONDS)
            elif known is None or (isinstance(known.end, Error) and known.end.retryable):
                former = decision.generation_id
            else:
                return known
        return self._admission(attempt, principal, is_local=False)

    async def _claim_slot(self, attempt: StartAttempt, principal: Principal) -> None:
        """Claim a slot, or a place in the queue, for a start of which nothing is counted."""
        is_claimed = False
        try:
            await self.slots.claim(attempt.generation_id, principal.id, principal.limits.max_concurrent, may_wait=True)
            is_claimed = True
        finally:
            if not is_claimed:
                self.slots.forget(attempt.generation_id)

    async def _decide(self, principal: Principal, attempt: StartAttempt) -> StartDecision:
        """Claim a free slot and count the start at the same time: they are on different nodes of a cluster.

        Only a start that is counted may wait in the queue, where it may evict others.
        """
        generation_id, max_concurrent = attempt.generation_id, principal.limits.max_concurrent
        decision: StartDecision | None = None
        is_admitted = False
        try:
            begun, has_slot = await self._ask_both(attempt, max_concurrent)
            decision = _result(begun)
            self._check(decision, principal)
            if decision.outcome == "admitted":
                if not _result(has_slot):
                    await self.slots.claim(generation_id, principal.id, max_concurrent, may_wait=True)
                is_admitted = True
            return decision
        finally:
            if not is_admitted:
                self.slots.forget(generation_id)
                if decision is None:
                    # Without a reply it is not known whether it was counted, but that its key must not stand for it.
                    self._give_back(attempt, principal, 0)
                elif decision.outcome == "admitted":
                    self._refund(attempt, principal)

    async def _ask_both(
        self, attempt: StartAttempt, max_concurrent: int | None
    ) -> tuple[StartDecision | BaseException, bool | BaseException]:
        """Return what was decided, and whether there is a free slot; or why one of them is not known.

        Both end before a failure is raised: what the other one has granted is known then, and given back.
        """
        claim = self.slots.claim(attempt.generation_id, attempt.principal, max_concurrent, may_wait=False)
        return await asyncio.gather(self._begin(attempt), claim, return_exceptions=True)

    async def _begin(self, attempt: StartAttempt) -> StartDecision:
        return await self._store.begin(attempt, KEY_SECONDS)

    def _check(self, decision: StartDecision, principal: Principal) -> None:
        """Note the levels of the buckets, which `Hub.allowance` shows.

        Raises:
            Refused: the start exceeds a limit, or its key was used for another request.
        """
        now, limits = self._clock.now(), principal.limits
        if decision.outcome == "conflict":
            raise key_conflict()
        self._hub.rate_limits.set_levels(principal.id, decision.levels, now, limits)
        if decision.outcome == "limited":
            self._hub.rate_limits.check(principal.id, now, limits)

    def admit_locally(self, principal: Principal, claim: ClaimedKey | None) -> Admission:
        """Admit a start under the limits of this gateway alone, while the store can't be used.

        Raises:
            Refused: rate limit or full queue.
        """
        generation_id, limits, rate_limits = self._hub.new_id("g"), principal.limits, self._hub.rate_limits
        rate_limits.consume(principal.id, self._clock.now(), limits)
        try:
            self.slots.claim_locally(generation_id, principal.id, limits.max_concurrent)
        except Refused:
            rate_limits.refund(principal.id, self._clock.now(), limits)
            raise
        self._local[principal.id] = principal
        attempt = StartAttempt(principal.id, generation_id, rate_limits.sizes(limits), claim)
        return self._admission(attempt, principal, is_local=True)

    def _admission(self, attempt: StartAttempt, principal: Principal, *, is_local: bool) -> Admission:
        self._started[attempt.generation_id] = _Started(attempt, principal, is_local)
        return Admission(attempt.generation_id, self.slots.get(attempt.generation_id))

    def undo(self, admission: Admission) -> None:
        """Return what was granted to a start that did not take place."""
        generation_id = admission.generation_id
        self.slots.forget(generation_id)
        attempt, principal, is_local = self._started.pop(generation_id)
        if is_local:
            self._refund_here(principal)
        else:
            self._refund(attempt, principal)

    async def admit_call(self, principal: Principal) -> None:
        """Count a call that is no generation as a start.

        Raises:
            Refused: rate limit.
            StoreError: nothing was decided.
        """
        sizes = self._hub.rate_limits.sizes(principal.limits)
        if sizes != NO_SIZES:
            self._check(await self._begin(StartAttempt(principal.id, "", sizes)), principal)

    def undo_call(self, principal: Principal) -> None:
        """Return what `admit_call` has counted."""
        self._refund(StartAttempt(principal.id, "", self._hub.rate_limits.sizes(principal.limits)), principal)

    # Afterwards.

    async def run(self) -> None:
        """Send what follows from starts, until the task is cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            # What has failed is sent when the lease is renewed.
            with suppress(StoreError):
                await self._settlements.send()

    async def exchange(self) -> None:
        """Send what the store does not know yet, at every renewal of the lease.

        Raises:
            StoreError: it is sent at the next call.
        """
        await self.slots.exchange()
        await self._merge()
        await self._settlements.send()

    def on_data_lost(self) -> None:
        """Send the keys of this gateway to the store again, with the next exchange."""
        self._has_lost_data = bool(self._started)

    async def _merge(self) -> None:
        if not (self._local or self._has_lost_data):
            return
        # Their amounts are in the levels of this gateway, too.
        for settlement, principal in await self._settlements.take():
            self._settle_locally(settlement, principal)
        now, rate_limits = self._clock.now(), self._hub.rate_limits
        principals, self._local, self._has_lost_data = self._local, {}, False
        claims: dict[str, list[tuple[ClaimedKey, str]]] = {principal_id: [] for principal_id in principals}
        for generation_id, (attempt, principal, _) in self._started.items():
            if attempt.claim is not None:
                principals[principal.id] = principal
                claims.setdefault(principal.id, []).append((attempt.claim, generation_id))
        uses = [
            LocalUse(
                principal_id,
                rate_limits.sizes(principal.limits),
                rate_limits.levels(principal_id, now, principal.limits),
                claims[principal_id],
            )
            for principal_id, principal in principals.items()
        ]
        try:
            for at in range(0, len(uses), MERGED):
                await self._store.merge(uses[at : at + MERGED], KEY_SECONDS)
        except StoreError:
            self._local, self._has_lost_data = {**principals, **self._local}, True
            raise

    def _on_end(self, record: Record) -> None:
        """Count the output of a generation that has ended, and keep its key as long as it is retained."""
        generation_id, principal = record.generation.id, record.principal
        started = self._started.get(generation_id)
        if started is None:
            # Another gateway has begun it.
            attempt = StartAttempt(principal.id, generation_id, self._hub.rate_limits.sizes(principal.limits))
        else:
            attempt = started.attempt
        if attempt.claim is None or record.is_surrendered:
            self._started.pop(generation_id, None)
        tokens = record.generation.usage().output_tokens or 0 if attempt.sizes.tokens is not None else 0
        # What was surrendered is ended by the gateway that has taken it over.
        if not record.is_surrendered and (attempt.claim is not None or tokens or attempt.digest):
            key, keep = (None, None) if attempt.claim is None else (attempt.claim.key, record.retention)
            settlement = Settlement(
                *(attempt.principal, generation_id, attempt.sizes),
                tokens=tokens,
                key=key,
                keep=keep,
                digest=attempt.digest,
            )
            self._send(settlement, principal)

    def _on_forget(self, generation_id: str) -> None:
        self._started.pop(generation_id, None)

    def _refund(self, attempt: StartAttempt, principal: Principal) -> None:
        self._refund_here(principal)
        self._give_back(attempt, principal, 1)

    def _refund_here(self, principal: Principal) -> None:
        self._hub.rate_limits.refund(principal.id, self._clock.now(), principal.limits)

    def _give_back(self, attempt: StartAttempt, principal: Principal, requests: int) -> None:
        key = None if attempt.claim is None else attempt.claim.key
        if key is not None or attempt.digest or (requests and attempt.sizes.requests is not None):
            settlement = Settlement(
                *(attempt.principal, attempt.generation_id, attempt.sizes),
                requests=-requests,
                key=key,
                keep=0,
                digest=attempt.digest,
            )
            self._send(settlement, principal)

    def _send(self, settlement: Settlement, principal: Principal) -> None:
        if self.slots.is_down:
            self._settle_locally(settlement, principal)
        else:
            self._settlements.add(settlement, principal)
            self._is_due.set()

    def _settle_locally(self, settlement: Settlement, principal: Principal) -> None:
        """Leave amounts to the levels of this gateway, which are merged: they would count twice."""
        self._local[principal.id] = principal
        if settlement.key is not None or settlement.digest:
            self._settlements.add(replace(settlement, requests=0, tokens=0), principal)


def _result(result: T | BaseException) -> T:
    if isinstance(result, BaseException):
        raise result
    return result
