"""The gate: from what a client shows to the principal whose it is. All that comes in passes here.

What can be shown is one `Door` each: keys and tokens today. A door knows its own credentials and leaves the others.
Who came in by one may ask for tickets, which stand for it where no header can be set.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from gateway.protocol.errors import Code, Refused
from gateway.security.api_keys import ExpiredError, StoredKey, by_id, verify
from gateway.security.principals import Principal, anybody
from gateway.security.tickets import SECONDS, Asked, Tickets, TicketScope, bad_ticket

LONGEST: Final = 8192
"""Characters of a credential: tokens have a few hundred, some companies' a few thousand."""


class Door(Protocol):
    """One kind of credential."""

    async def admit(self, credential: str, unix: float) -> Principal | None:
        """Give whose it is; None if it is not of this kind.

        Raises:
            Refused: it is of this kind, and not good.
        """
        ...

    def renew(self, principal: Principal) -> Principal | None:
        """Give a principal as it is now; None if what it was let in by is not good any more, or not of this kind."""
        ...


class KeyDoor:
    """Lets in who has a key."""

    def __init__(self, stored: Sequence[StoredKey]) -> None:
        self._stored = by_id(stored)

    async def admit(self, credential: str, unix: float) -> Principal | None:
        """As `Door.admit`. What is no token is taken for a key, so that a broken one costs what a wrong one does."""
        if "." in credential:
            return None
        try:
            found = verify(credential, self._stored, unix)
        except ExpiredError:
            raise expired() from None
        return None if found is None else found.principal()

    def renew(self, principal: Principal) -> Principal | None:
        """As `Door.renew`."""
        found = self._stored.get(principal.credential.partition(":")[0]) if principal.source == "key" else None
        if found is None or (found.name, found.credential) != (principal.name, principal.credential):
            return None
        return found.principal()


class Gate:
    """Says who is asking. Without doors it is open: everybody is let in, by their address."""

    def __init__(self, doors: Sequence[Door] = (), unix: Callable[[], float] = time.time) -> None:
        self._doors = tuple(doors)
        self._unix = unix
        self._tickets = Tickets()

    @property
    def is_open(self) -> bool:
        """Tell whether everybody is let in."""
        return not self._doors

    @property
    def doors(self) -> Sequence[Door]:
        """List its doors."""
        return self._doors

    def change(self, doors: Sequence[Door]) -> None:
        """Have other doors from now on; one that is closed stays so."""
        if doors:
            self._doors = tuple(doors)

    async def admit(self, credential: str | None, address: str) -> Principal:
        """Give the principal of a request, or of a WebSocket's handshake, by what it shows.

        Raises:
            Refused: `auth_error`: nothing is shown, or what is shown is not good.
        """
        if self.is_open:
            return anybody(address)
        return await self.recognise(credential)

    async def recognise(self, credential: str | None) -> Principal:
        """Give whose a credential is.

        Raises:
            Refused: `auth_error`.
        """
        if not credential:
            raise missing()
        if len(credential) <= LONGEST:
            for door in self._doors:
                if (principal := await door.admit(credential, self._unix())) is not None:
                    return principal
        raise bad()

    def renew(self, principal: Principal) -> Principal:
        """Give a principal that was let in before as it is now: with other limits, say, when its key has got some.

        Raises:
            Refused: `auth_error`: it is over, or was revoked.
        """
        if self.is_open:
            return principal
        if principal.source == "address":
            raise missing()
        found = next(filter(None, (door.renew(principal) for door in self._doors)), None)
        if found is None:
            raise bad()
        # A reload may have moved the end of its time.
        if found.expires is not None and found.expires <= self._unix():
            raise expired()
        return found.within(principal.bounds)

    def issue(self, principal: Principal, scope: TicketScope, origin: str) -> tuple[str, float]:
        """Make a ticket that stands for a principal; tell until when, in seconds since 1970.

        Raises:
            Refused: `rate_limit`.
        """
        unix = self._unix()
        return self._tickets.issue(principal, scope, origin, unix), unix + SECONDS

    def redeem(self, ticket: str, asked: Asked, origin: str) -> Principal:
        """Give whose a ticket is, as it is now; see `Tickets.redeem`. It ends with what it was asked for by.

        Raises:
            Refused: `auth_error`, one and the same for all that is wrong.
        """
        found = self._tickets.redeem(ticket, asked, origin, self._unix())
        try:
            return self.renew(found)
        except Refused:
            raise bad_ticket() from None

    def started(self, ticket: str, generation_id: str) -> None:
        """As `Tickets.started`."""
        self._tickets.started(ticket, generation_id)

    def give_back(self, ticket: str) -> None:
        """As `Tickets.give_back`."""
        self._tickets.give_back(ticket)


def bearer(headers: Mapping[str, str]) -> str | None:
    """Read `Authorization: Bearer …` (RFC 6750, 2.1); None if there is none.

    Raises:
        Refused: `auth_error`: it is something else.
    """
    given = headers.get("authorization")
    if given is None:
        return None
    scheme, _, credential = given.strip().partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise bad()
    return credential.strip()


def missing() -> Refused:
    """Make the refusal of who shows nothing."""
    return _refused("This gateway asks for a key: send the header Authorization: Bearer …")


def bad() -> Refused:
    """Make the refusal of who shows what is not good; it tells nobody why."""
    return _refused("The key or token is not valid here.")


def expired() -> Refused:
    """Make the refusal of who shows what was good once."""
    return _refused("The key or token has expired: ask for a new one.")


def _refused(message: str) -> Refused:
    return Refused(Code.AUTH_ERROR, message, param="Authorization", status=401)
