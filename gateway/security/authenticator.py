"""Authenticate clients: from the credential of a request to its principal.

Each kind of credential is a `CredentialScheme`: API keys and JSON Web Tokens today. A scheme recognises its own
credentials and ignores the others. An authenticated client may ask for tickets, which replace a credential where no
header can be set.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from gateway.protocol.errors import Code, Refused
from gateway.security.api_keys import ExpiredKeyError, StoredKey, index_by_id, verify_key
from gateway.security.principals import Principal, anonymous
from gateway.security.tickets import TICKET_SECONDS, TicketScope, TicketStore, TicketUse, invalid_ticket

MAX_CREDENTIAL_LENGTH: Final = 8192
"""Characters of a credential: tokens have a few hundred, some companies' a few thousand."""


class CredentialScheme(Protocol):
    """One kind of credential."""

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        """Give whose it is; None if it is not of this kind.

        Raises:
            Refused: it is of this kind, and not good.
        """
        ...

    def renew(self, principal: Principal) -> Principal | None:
        """Give a principal as it is now; None if what it was let in by is not good any more, or not of this kind."""
        ...


class ApiKeyScheme:
    """Lets in who has a key."""

    def __init__(self, stored: Sequence[StoredKey]) -> None:
        self._stored = index_by_id(stored)

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        """Return the principal of a key; see `CredentialScheme.authenticate`.

        Everything without a dot is treated as a key, so that a malformed key costs as much time as a wrong one.
        """
        if "." in credential:
            return None
        try:
            found = verify_key(credential, self._stored, unix)
        except ExpiredKeyError:
            raise expired_credential() from None
        return None if found is None else found.principal()

    def renew(self, principal: Principal) -> Principal | None:
        """As `CredentialScheme.renew`."""
        found = self._stored.get(principal.credential.partition(":")[0]) if principal.source == "key" else None
        if found is None or (found.name, found.credential) != (principal.name, principal.credential):
            return None
        return found.principal()


class Authenticator:
    """Says who is asking. Without doors it is open: everybody is let in, by their address."""

    def __init__(self, schemes: Sequence[CredentialScheme] = (), unix: Callable[[], float] = time.time) -> None:
        self._schemes = tuple(schemes)
        self._unix = unix
        self._tickets = TicketStore()

    @property
    def allows_anonymous(self) -> bool:
        """Tell whether everybody is let in."""
        return not self._schemes

    @property
    def schemes(self) -> Sequence[CredentialScheme]:
        """List its doors."""
        return self._schemes

    def replace_schemes(self, schemes: Sequence[CredentialScheme]) -> None:
        """Have other doors from now on; one that is closed stays so."""
        if schemes:
            self._schemes = tuple(schemes)

    async def authenticate(self, credential: str | None, address: str) -> Principal:
        """Give the principal of a request, or of a WebSocket's handshake, by what it shows.

        Raises:
            Refused: `auth_error`: nothing is shown, or what is shown is not good.
        """
        if self.allows_anonymous:
            return anonymous(address)
        return await self.verify_credential(credential)

    async def verify_credential(self, credential: str | None) -> Principal:
        """Give whose a credential is.

        Raises:
            Refused: `auth_error`.
        """
        if not credential:
            raise missing_credential()
        if len(credential) <= MAX_CREDENTIAL_LENGTH:
            for scheme in self._schemes:
                if (principal := await scheme.authenticate(credential, self._unix())) is not None:
                    return principal
        raise invalid_credential()

    def renew(self, principal: Principal) -> Principal:
        """Give a principal that was let in before as it is now: with other limits, say, when its key has got some.

        Raises:
            Refused: `auth_error`: it is over, or was revoked.
        """
        if self.allows_anonymous:
            return principal
        if principal.source == "address":
            raise missing_credential()
        found = next(filter(None, (scheme.renew(principal) for scheme in self._schemes)), None)
        if found is None:
            raise invalid_credential()
        # A reload may have moved the end of its time.
        if found.expires is not None and found.expires <= self._unix():
            raise expired_credential()
        return found.restricted_to(principal.generation_scope)

    def issue_ticket(self, principal: Principal, scope: TicketScope, origin: str) -> tuple[str, float]:
        """Make a ticket that stands for a principal; tell until when, in seconds since 1970.

        Raises:
            Refused: `rate_limit`.
        """
        unix = self._unix()
        return self._tickets.issue(principal, scope, origin, unix), unix + TICKET_SECONDS

    def redeem_ticket(self, ticket: str, use: TicketUse, origin: str) -> Principal:
        """Give whose a ticket is, as it is now; see `TicketStore.redeem`. It ends with what it was asked for by.

        Raises:
            Refused: `auth_error`, one and the same for all that is wrong.
        """
        found = self._tickets.redeem(ticket, use, origin, self._unix())
        try:
            return self.renew(found)
        except Refused:
            raise invalid_ticket() from None

    def record_start(self, ticket: str, generation_id: str) -> None:
        """As `TicketStore.started`."""
        self._tickets.record_start(ticket, generation_id)

    def restore_ticket(self, ticket: str) -> None:
        """As `TicketStore.give_back`."""
        self._tickets.restore(ticket)


def bearer_credential(headers: Mapping[str, str]) -> str | None:
    """Read `Authorization: Bearer …` (RFC 6750, 2.1); None if there is none.

    Raises:
        Refused: `auth_error`: it is something else.
    """
    given = headers.get("authorization")
    if given is None:
        return None
    scheme, _, credential = given.strip().partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise invalid_credential()
    return credential.strip()


def missing_credential() -> Refused:
    """Make the refusal of who shows nothing."""
    return _refused("This gateway asks for a key: send the header Authorization: Bearer …")


def invalid_credential() -> Refused:
    """Make the refusal of who shows what is not good; it tells nobody why."""
    return _refused("The key or token is not valid here.")


def expired_credential() -> Refused:
    """Make the refusal of who shows what was good once."""
    return _refused("The key or token has expired: ask for a new one.")


def _refused(message: str) -> Refused:
    return Refused(Code.AUTH_ERROR, message, param="Authorization", status=401)
