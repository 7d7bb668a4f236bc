"""Tickets: short-lived substitutes for a key or token, for pages that cannot set a header. Pure, except for randomness.

A ticket in a URL ends up in proxy logs and in copied links. So it is valid for 30 s, once, for one purpose and from one
origin. An `EventSource` reconnects with the same URL, so a used ticket still reads its one generation, and only that.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

from gateway.protocol.errors import Code, Refused
from gateway.security.principals import GenerationScope, Principal

TICKET_SECONDS: Final = 30.0
"""Seconds within which a ticket must be used for the first time."""

MAX_UNUSED_PER_PRINCIPAL: Final = 1000
"""Maximum number of unused tickets of one principal; beyond it, the oldest of that principal is dropped."""

MAX_UNUSED: Final = 20_000
"""Maximum number of unused tickets in all; beyond it, issuing is refused.

As many used tickets are kept, at most half of them of one principal; beyond either bound the oldest is dropped.
"""

_BYTES: Final = 24

TicketScope = Literal["start", "socket"] | GenerationScope
"""Purpose of a ticket: start one generation and read it, open a WebSocket, or access one generation."""


@dataclass(frozen=True, slots=True)
class ReadAccess:
    """Use of a ticket to read a generation; `resume` is True if the request names a position in that generation."""

    generation_id: str
    resume: bool = False


TicketUse = Literal["start", "socket"] | ReadAccess
"""What the holder of a ticket requests with it."""


@dataclass(slots=True)
class Ticket:
    """A ticket without its text. `expires` is the end of the time in which it must be used, in seconds since 1970."""

    principal: Principal
    scope: TicketScope
    origin: str
    expires: float
    generation_id: str | None = None
    """The generation that a used ticket still reads; None while a start has not started anything."""


class Grant(NamedTuple):
    """What an unused ticket allows. `is_kept`: it still reads `generation_id` afterwards, or what it starts if None."""

    principal: Principal
    is_kept: bool
    generation_id: str | None = None


class Tickets(Protocol):
    """Unused and used tickets, of this process or of all gateways. Times and origins: as for `TicketStore`."""

    async def issue(self, principal: Principal, scope: TicketScope, origin: str, unix: float) -> str:
        """Issue a ticket and return its text; see `TicketStore.issue`.

        Raises:
            Refused: too many tickets are unused, or the tickets can't be stored.
        """
        ...

    async def redeem(self, text: str, use: TicketUse, origin: str, unix: float) -> Principal:
        """Use a ticket and return its principal; see `TicketStore.redeem`.

        Raises:
            Refused: `auth_error`, or the tickets can't be read.
        """
        ...

    async def record_start(self, text: str, generation_id: str) -> None:
        """Record the generation that a ticket started; see `TicketStore.record_start`."""
        ...

    async def restore(self, text: str, unix: float) -> None:
        """Mark a ticket as unused if it started nothing; see `TicketStore.restore`."""
        ...


@dataclass(slots=True)
class _TicketIndex:
    """Tickets by the hash of their text, oldest first, in all and per principal."""

    max_per_principal: int
    tickets: dict[bytes, Ticket] = field(default_factory=dict)
    by_principal: dict[str, dict[bytes, None]] = field(default_factory=dict)

    def add(self, digest: bytes, ticket: Ticket) -> None:
        own = self.by_principal.setdefault(ticket.principal.id, {})
        if len(own) >= self.max_per_principal:
            self.remove(next(iter(own)))
        # `remove` deletes a principal's entry with its last ticket: with a bound of 1, `own` is no longer in the dict.
        self.by_principal.setdefault(ticket.principal.id, own)[digest] = None
        self.tickets[digest] = ticket

    def remove(self, digest: bytes) -> Ticket:
        ticket = self.tickets.pop(digest)
        own = self.by_principal[ticket.principal.id]
        del own[digest]
        if not own:
            del self.by_principal[ticket.principal.id]
        return ticket

    def oldest(self) -> bytes:
        return next(iter(self.tickets))


class TicketStore:
    """Unused and used tickets of this process. Times: seconds since 1970. Origins: as `Origins.check` returns them."""

    def __init__(self, max_unused: int = MAX_UNUSED, max_per_principal: int = MAX_UNUSED_PER_PRINCIPAL) -> None:
        self._max_unused = max_unused
        self._unused = _TicketIndex(max_per_principal)
        self._used = _TicketIndex(max_unused // 2)

    def __contains__(self, text: str) -> bool:
        digest = digest_of(text)
        return digest in self._unused.tickets or digest in self._used.tickets

    def __len__(self) -> int:
        return len(self._unused.tickets) + len(self._used.tickets)

    def issue(self, principal: Principal, scope: TicketScope, origin: str, unix: float) -> str:
        """Issue a ticket and return its text: 192 random bits in base64url.

        Raises:
            Refused: `rate_limit`: too many tickets are unused.
        """
        self._drop_expired(unix)
        if len(self._unused.tickets) >= self._max_unused:
            message = f"{self._max_unused} tickets are waiting to be used: try again later."
            raise Refused(Code.RATE_LIMIT, message, retry_after_ms=1000)
        text = new_ticket()
        self._unused.add(digest_of(text), Ticket(principal, scope, origin, unix + TICKET_SECONDS))
        return text

    def redeem(self, text: str, use: TicketUse, origin: str, unix: float) -> Principal:
        """Use a ticket and return its principal, restricted by `generation_scope` if the ticket allows one generation.

        If the use is `"start"` and the result has a `generation_scope`, the ticket has started that generation before:
        read it. Without one, start a generation and then call `record_start` or `restore`.

        Raises:
            Refused: `auth_error`, the same for every reason. The ticket is not used up.
        """
        digest = digest_of(text)
        if digest in self._used.tickets:
            return redeem_used(self._used.tickets[digest], use, origin)
        ticket = self._unused.tickets.get(digest)
        if ticket is None or ticket.expires <= unix:
            raise invalid_ticket()
        grant = redeem_unused(ticket, use, origin)
        if grant.is_kept:
            self._mark_used(digest).generation_id = grant.generation_id
        else:
            self._unused.remove(digest)
        return grant.principal

    def record_start(self, text: str, generation_id: str) -> None:
        """Record the generation that a ticket started, which it may read from now on."""
        if (used := self._used.tickets.get(digest_of(text))) is not None and used.generation_id is None:
            used.generation_id = generation_id

    def restore(self, text: str) -> None:
        """Mark a ticket as unused if it started nothing, so that an `EventSource` that was refused can retry."""
        digest = digest_of(text)
        used = self._used.tickets.get(digest)
        if used is not None and used.generation_id is None:
            self._unused.add(digest, self._used.remove(digest))

    def _mark_used(self, digest: bytes) -> Ticket:
        ticket = self._unused.remove(digest)
        if len(self._used.tickets) >= self._max_unused:
            self._used.remove(self._used.oldest())
        self._used.add(digest, ticket)
        return ticket

    def _drop_expired(self, unix: float) -> None:
        unused = self._unused
        while unused.tickets and unused.tickets[oldest := unused.oldest()].expires <= unix:
            unused.remove(oldest)


class LocalTickets:
    """The tickets of a gateway that shares them with no other."""

    def __init__(self, store: TicketStore | None = None) -> None:
        self.store = store or TicketStore()

    async def issue(self, principal: Principal, scope: TicketScope, origin: str, unix: float) -> str:
        """Issue a ticket and return its text.

        Raises:
            Refused: `rate_limit`: too many tickets are unused.
        """
        return self.store.issue(principal, scope, origin, unix)

    async def redeem(self, text: str, use: TicketUse, origin: str, unix: float) -> Principal:
        """Use a ticket and return its principal.

        Raises:
            Refused: `auth_error`, the same for every reason.
        """
        return self.store.redeem(text, use, origin, unix)

    async def record_start(self, text: str, generation_id: str) -> None:
        """Record the generation that a ticket started."""
        self.store.record_start(text, generation_id)

    async def restore(self, text: str, unix: float) -> None:
        """Mark a ticket as unused if it started nothing."""
        self.store.restore(text)


def invalid_ticket() -> Refused:
    """Build the refusal of an invalid ticket, which is the same for every reason."""
    message = "The ticket is not valid here: request a new one."
    return Refused(Code.AUTH_ERROR, message, param="ticket", status=401)


def redeem_unused(ticket: Ticket, use: TicketUse, origin: str) -> Grant:
    """Return what an unused ticket allows, which is used up by that.

    Raises:
        Refused: `auth_error`: it does not allow this use.
    """
    principal = ticket.principal
    if ticket.origin != origin:
        raise invalid_ticket()
    match ticket.scope, use:
        case "start", "start":
            return Grant(principal, is_kept=True)
        case GenerationScope(generation_id=allowed), ReadAccess(generation_id=requested) if allowed == requested:
            # Only a WebSocket can carry commands: a ticket that reads over HTTP allows none.
            return Grant(principal.restricted_to(GenerationScope(allowed)), is_kept=True, generation_id=allowed)
        case "socket", "socket":
            return Grant(principal, is_kept=False)
        case GenerationScope() as generation_scope, "socket":
            return Grant(principal.restricted_to(generation_scope), is_kept=False)
        case _:
            raise invalid_ticket()


def redeem_used(used: Ticket, use: TicketUse, origin: str) -> Principal:
    """Return the principal of a used ticket, restricted to reading the ticket's generation.

    Raises:
        Refused: `auth_error`: any other use.
    """
    if used.generation_id is None or used.origin != origin:
        raise invalid_ticket()
    match use:
        case "start" if used.scope == "start":
            pass
        case ReadAccess(generation_id=requested, resume=True) if requested == used.generation_id:
            pass
        case _:
            raise invalid_ticket()
    return used.principal.restricted_to(GenerationScope(used.generation_id))


def new_ticket() -> str:
    """Return the text of a new ticket: 192 random bits in base64url."""
    return secrets.token_urlsafe(_BYTES)


def digest_of(text: str) -> bytes:
    """Return the hash by which a ticket is known."""
    # As for API keys, 192 random bits need no slow hash. The store is keyed by the hash, so the time of a look-up
    # reveals nothing about the text of a ticket.
    return hashlib.sha256(text.encode(errors="replace")).digest()
