"""Tickets: what a page shows once in place of a key, where it can't set a header. Pure, but for their randomness.

A ticket in a URL is one that proxies log and people copy. So it is good for 30 s and once, for one thing, and from one
page. An EventSource comes back with the same URL after its connection broke: what a used ticket still opens is that one
generation, to be read.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.protocol.errors import Code, Refused
from gateway.security.principals import GenerationScope, Principal

TICKET_SECONDS: Final = 30.0
"""How long a ticket may be used for the first time."""

MAX_UNUSED_PER_PRINCIPAL: Final = 1000
"""Unused tickets of one principal; its oldest makes room for the next."""

MAX_UNUSED: Final = 20_000
"""Unused tickets of all; one more is refused. Used ones are as many, half of them one principal's: the oldest go."""

_BYTES: Final = 24

TicketScope = Literal["start", "socket"] | GenerationScope
"""What a ticket is for: to start one answer and read it, to be a socket's, or one generation."""


@dataclass(frozen=True, slots=True)
class ReadAccess:
    """The wish to read a generation; `again` from a position in it, as who has read of it before."""

    generation_id: str
    resume: bool = False


TicketUse = Literal["start", "socket"] | ReadAccess
"""What a ticket is shown for."""


@dataclass(slots=True)
class _Ticket:
    principal: Principal
    scope: TicketScope
    origin: str
    until: float
    generation_id: str | None = None
    """What it may be read by, once used; None after a start that has not started anything yet."""


@dataclass(slots=True)
class _TicketIndex:
    """Tickets by the hash of their text, oldest first, in all and for each principal."""

    max_per_principal: int
    all: dict[bytes, _Ticket] = field(default_factory=dict)
    each: dict[str, dict[bytes, None]] = field(default_factory=dict)

    def put(self, digest: bytes, ticket: _Ticket) -> None:
        own = self.each.setdefault(ticket.principal.id, {})
        if len(own) >= self.max_per_principal:
            self.take(next(iter(own)))
        # It may have been its last one, with which the principal's place went.
        self.each.setdefault(ticket.principal.id, own)[digest] = None
        self.all[digest] = ticket

    def take(self, digest: bytes) -> _Ticket:
        ticket = self.all.pop(digest)
        own = self.each[ticket.principal.id]
        del own[digest]
        if not own:
            del self.each[ticket.principal.id]
        return ticket

    def oldest(self) -> bytes:
        return next(iter(self.all))


class TicketStore:
    """All tickets of this process. Times are seconds since 1970; an origin is what `Origins.check` gives."""

    def __init__(self, max_unused: int = MAX_UNUSED, max_per_principal: int = MAX_UNUSED_PER_PRINCIPAL) -> None:
        self._max_unused = max_unused
        self._unused = _TicketIndex(max_per_principal)
        self._used = _TicketIndex(max_unused // 2)

    def __len__(self) -> int:
        return len(self._unused.all) + len(self._used.all)

    def issue(self, principal: Principal, scope: TicketScope, origin: str, unix: float) -> str:
        """Make a ticket: 192 random bits, base64url.

        Raises:
            Refused: `rate_limit`: too many are unused.
        """
        self._drop_expired(unix)
        if len(self._unused.all) >= self._max_unused:
            message = f"{self._max_unused} tickets are waiting to be used: ask again later."
            raise Refused(Code.RATE_LIMIT, message, retry_after_ms=1000)
        text = secrets.token_urlsafe(_BYTES)
        self._unused.put(_digest(text), _Ticket(principal, scope, origin, unix + TICKET_SECONDS))
        return text

    def redeem(self, text: str, use: TicketUse, origin: str, unix: float) -> Principal:
        """Use a ticket, and give whose it is; with `generation_scope` if it may do nothing but with one generation.

        What is asked for `"start"` and comes with bounds has been started before: read that. Otherwise start it, and
        tell `started` or `give_back`.

        Raises:
            Refused: `auth_error`, one and the same for all that is wrong. It uses up nothing.
        """
        digest = _digest(text)
        if digest in self._used.all:
            return _read_again(self._used.all[digest], use, origin)
        ticket = self._unused.all.get(digest)
        if ticket is None or ticket.origin != origin or ticket.until <= unix:
            raise invalid_ticket()
        match ticket.scope, use:
            case "start", "start":
                self._use(digest)
                return ticket.principal
            case GenerationScope(generation_id=named), ReadAccess(generation_id=wanted) if named == wanted:
                self._use(digest).generation_id = named
                return ticket.principal.restricted_to(GenerationScope(named))
            case "socket", "socket":
                return self._unused.take(digest).principal
            case GenerationScope() as generation_scope, "socket":
                return self._unused.take(digest).principal.restricted_to(generation_scope)
            case _:
                raise invalid_ticket()

    def record_start(self, text: str, generation_id: str) -> None:
        """Tell what was started by a ticket: what it may be read by from now on."""
        if (used := self._used.all.get(_digest(text))) is not None and used.generation_id is None:
            used.generation_id = generation_id

    def restore(self, text: str) -> None:
        """Make a ticket unused again if nothing was started by it: an EventSource may be told to come back later."""
        digest = _digest(text)
        used = self._used.all.get(digest)
        if used is not None and used.generation_id is None:
            self._unused.put(digest, self._used.take(digest))

    def _use(self, digest: bytes) -> _Ticket:
        ticket = self._unused.take(digest)
        if len(self._used.all) >= self._max_unused:
            self._used.take(self._used.oldest())
        self._used.put(digest, ticket)
        return ticket

    def _drop_expired(self, unix: float) -> None:
        waiting = self._unused
        while waiting.all and waiting.all[oldest := waiting.oldest()].until <= unix:
            waiting.take(oldest)


def invalid_ticket() -> Refused:
    """Make the refusal of a ticket that is not good; it tells nobody why."""
    message = "The ticket is not valid here: ask for a new one."
    return Refused(Code.AUTH_ERROR, message, param="ticket", status=401)


def _read_again(used: _Ticket, use: TicketUse, origin: str) -> Principal:
    """Let one who has used a ticket read on, and nothing else."""
    if used.generation_id is None or used.origin != origin:
        raise invalid_ticket()
    match use:
        case "start" if used.scope == "start":
            pass
        case ReadAccess(generation_id=wanted, resume=True) if wanted == used.generation_id:
            pass
        case _:
            raise invalid_ticket()
    return used.principal.restricted_to(GenerationScope(used.generation_id))


def _digest(text: str) -> bytes:
    # As with keys: 192 random bits need no slow hash. What is found by a hash tells nothing by the time that it takes.
    return hashlib.sha256(text.encode(errors="replace")).digest()
