"""Tickets that every gateway of a deployment knows: used once, wherever; and what a used one still reads, everywhere.

The store has a value for each ticket, by the hash of its text. It is used up by compare-and-set: of two requests that
come at once, to whichever gateways, one gets it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from gateway.clock import Clock, time_limit
from gateway.replicas.membership.store_health import store_unavailable
from gateway.security.principals import Principal
from gateway.security.tickets import (
    MAX_UNUSED,
    MAX_UNUSED_PER_PRINCIPAL,
    TICKET_SECONDS,
    Ticket,
    TicketScope,
    TicketStore,
    TicketUse,
    digest_of,
    invalid_ticket,
    new_ticket,
    redeem_unused,
    redeem_used,
)
from gateway.store.errors import StoreError
from gateway.store.quotas import Quotas
from gateway.store.values import Values

USED_SECONDS: Final = 3600.0
"""How long a used ticket is kept after its last use."""

MAX_USED_PER_PRINCIPAL: Final = MAX_UNUSED // 2

START_SECONDS: Final = 5.0
"""How long a second request with a ticket for a start waits for the first one: some pages open two at once."""

_SPENT_SECONDS: Final = 1.0
"""How long a ticket is kept that reads nothing any more."""


@dataclass(frozen=True, slots=True)
class _Stored:
    ticket: Ticket
    is_used: bool = False


_STORED: Final = TypeAdapter(_Stored)


class SharedTickets:
    """The tickets of all gateways; see `TicketStore` for what they allow.

    `local`, if it is given, has the tickets of this process: those that are issued while the store can't be used.
    Without it none are issued then.
    """

    def __init__(self, values: Values, quotas: Quotas, clock: Clock, local: TicketStore | None = None) -> None:
        self._values = values
        self._quotas = quotas
        self._clock = clock
        self._local = local
        self._starting: dict[str, tuple[asyncio.Event, float]] = {}
        """Tickets whose start goes on here, and since when: the event is set once it is recorded, or was refused."""

    async def issue(self, principal: Principal, scope: TicketScope, origin: str, unix: float) -> str:
        """Issue a ticket and return its text; of too many unused ones of a principal, the oldest is dropped.

        Raises:
            Refused: the store can't be used.
        """
        text = new_ticket()
        stored = _Stored(Ticket(principal, scope, origin, unix + TICKET_SECONDS))
        try:
            await self._values.set({_key(text): _STORED.dump_json(stored)}, TICKET_SECONDS)
            await self._count_unused(text, principal)
        except StoreError as error:
            if self._local is None:
                raise store_unavailable(error.fault) from error
            return self._local.issue(principal, scope, origin, unix)
        return text

    async def redeem(self, text: str, use: TicketUse, origin: str, unix: float) -> Principal:
        """Use a ticket and return its principal.

        A ticket may be used up by a request whose reply from the store was lost: its client requests another one.

        Raises:
            Refused: `auth_error`, the same for every reason; or the store can't be used.
        """
        if self._local is not None and text in self._local:
            return self._local.redeem(text, use, origin, unix)
        try:
            while (data := await self._get(text)) is not None:
                stored = _STORED.validate_json(data)
                if stored.is_used and await self._has_waited(text, stored, use):
                    continue
                if stored.is_used:
                    principal = redeem_used(stored.ticket, use, origin)
                    await self._values.touch([_key(text)], USED_SECONDS)
                    return principal
                grant = redeem_unused(stored.ticket, use, origin)
                used = _Stored(replace(stored.ticket, generation_id=grant.generation_id), is_used=True)
                keep = USED_SECONDS if grant.is_kept else _SPENT_SECONDS
                if await self._swap(text, data, used, keep):
                    self._on_used(text, used)
                    await self._count_used(text, stored.ticket.principal, is_kept=grant.is_kept)
                    return grant.principal
        except StoreError as error:
            raise store_unavailable(error.fault) from error
        raise invalid_ticket()

    async def record_start(self, text: str, generation_id: str) -> None:
        """Record the generation that a ticket started. If the store fails, it does not read it: start again."""
        if self._local is not None:
            self._local.record_start(text, generation_id)
        with suppress(StoreError), self._end_start(text):
            while (data := await self._get(text)) is not None:
                stored = _STORED.validate_json(data)
                if not _has_started_nothing(stored):
                    return
                started = _Stored(replace(stored.ticket, generation_id=generation_id), is_used=True)
                if await self._swap(text, data, started, USED_SECONDS):
                    return

    async def restore(self, text: str, unix: float) -> None:
        """Mark a ticket as unused if it started nothing, for as long as it was valid."""
        if self._local is not None:
            self._local.restore(text)
        with suppress(StoreError), self._end_start(text):
            data = await self._get(text)
            if data is None:
                return
            stored = _STORED.validate_json(data)
            seconds = stored.ticket.expires - unix
            if (
                seconds > 0
                and _has_started_nothing(stored)
                and await self._swap(text, data, _Stored(stored.ticket), seconds)
            ):
                await self._count_unused(text, stored.ticket.principal)

    def _on_used(self, text: str, used: _Stored) -> None:
        if _has_started_nothing(used):
            now = self._clock.now()
            # Of a request that was cancelled, nothing is recorded.
            self._starting = {key: start for key, start in self._starting.items() if start[1] + START_SECONDS > now}
            self._starting[_key(text)] = asyncio.Event(), now

    @contextmanager
    def _end_start(self, text: str) -> Iterator[None]:
        try:
            yield
        finally:
            event, _ = self._starting.pop(_key(text), (None, 0.0))
            if event is not None:
                event.set()

    async def _has_waited(self, text: str, stored: _Stored, use: TicketUse) -> bool:
        """Wait for the start that this ticket is used for here at the same time; return False if there is none."""
        event, _ = self._starting.get(_key(text), (None, 0.0))
        if event is None or use != "start" or not _has_started_nothing(stored):
            return False
        with suppress(TimeoutError):
            async with time_limit(START_SECONDS, self._clock):
                await event.wait()
        return event.is_set()

    async def _get(self, text: str) -> bytes | None:
        (data,) = await self._values.get([_key(text)])
        return data

    async def _swap(self, text: str, expected: bytes, stored: _Stored, keep: float) -> bool:
        return await self._values.swap(_key(text), expected, _STORED.dump_json(stored), keep)

    async def _count_unused(self, text: str, principal: Principal) -> None:
        owner, limit = f"unused-tickets:{principal.id}", MAX_UNUSED_PER_PRINCIPAL
        dropped = await self._quotas.add(owner, {_key(text): 1}, limit=limit, keep=TICKET_SECONDS)
        await self._values.delete(dropped)

    async def _count_used(self, text: str, principal: Principal, *, is_kept: bool) -> None:
        unused = self._quotas.remove(f"unused-tickets:{principal.id}", [_key(text)])
        if not is_kept:
            await unused
            return
        owner, limit = f"used-tickets:{principal.id}", MAX_USED_PER_PRINCIPAL
        used = self._quotas.add(owner, {_key(text): 1}, limit=limit, keep=USED_SECONDS)
        _, dropped = await asyncio.gather(unused, used)
        await self._values.delete(dropped)


def _has_started_nothing(stored: _Stored) -> bool:
    return stored.is_used and stored.ticket.scope == "start" and stored.ticket.generation_id is None


def _key(text: str) -> str:
    return f"ticket:{digest_of(text).hex()}"
