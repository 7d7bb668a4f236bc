"""Authenticate clients: map the credential of a request to its principal.

Each kind of credential is a `CredentialScheme`: API keys and JSON Web Tokens today. A scheme recognises its own
credentials and ignores the others. An authenticated client may request tickets, which replace a credential where no
header can be set.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from gateway.protocol.errors import Code, Refused
from gateway.security.api_keys import ExpiredKeyError, StoredKey, index_by_id, verify_key
from gateway.security.principals import Principal, anonymous
from gateway.security.tickets import TICKET_SECONDS, LocalTickets, Tickets, TicketScope, TicketUse, invalid_ticket

MAX_CREDENTIAL_LENGTH: Final = 8192
"""Maximum characters of a credential: tokens usually have a few hundred, those of some companies a few thousand."""


class CredentialScheme(Protocol):
    """One kind of credential."""

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        """Return the principal of a credential, or None if the credential is not of this kind.

        Raises:
            Refused: it is of this kind, and not valid.
        """
        ...

    def renew(self, principal: Principal) -> Principal | None:
        """Return a principal with its current rights and limits.

        None if its credential is no longer valid, or not of this kind.
        """
        ...


class ApiKeyScheme:
    """Credential scheme of API keys."""

    def __init__(self, stored: Sequence[StoredKey], last_used: Mapping[str, float] | None = None) -> None:
        self.keys: Mapping[str, StoredKey] = index_by_id(stored)
        """The keys that are accepted, by id."""
        self.last_used = {key_id: unix for key_id, unix in (last_used or {}).items() if key_id in self.keys}
        """When each key has authenticated a request last, in seconds since 1970."""

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        """Implement `CredentialScheme.authenticate`.

        Everything without a dot is treated as a key, so that a malformed key takes as much time as a wrong one.
        """
        if "." in credential:
            return None
        try:
            key = verify_key(credential, self.keys, unix)
        except ExpiredKeyError:
            raise expired_credential() from None
        if key is None:
            return None
        self.last_used[key.id] = unix
        return key.principal()

    def renew(self, principal: Principal) -> Principal | None:
        """Implement `CredentialScheme.renew`."""
        key = self.keys.get(principal.credential.partition(":")[0]) if principal.source == "key" else None
        if key is None or (key.name, key.credential) != (principal.name, principal.credential):
            return None
        return key.principal()


class Authenticator:
    """Maps credentials and tickets to principals. Without schemes it admits every client, identified by its address."""

    def __init__(self, schemes: Sequence[CredentialScheme] = (), unix: Callable[[], float] = time.time) -> None:
        self._schemes = tuple(schemes)
        self._unix = unix
        self.tickets: Tickets = LocalTickets()
        """Those of this process, unless they are replaced by those of all gateways."""

    @property
    def allows_anonymous(self) -> bool:
        """Return True if no credential is required."""
        return not self._schemes

    @property
    def schemes(self) -> Sequence[CredentialScheme]:
        """Return the credential schemes in use."""
        return self._schemes

    def replace_schemes(self, schemes: Sequence[CredentialScheme]) -> None:
        """Use other schemes from now on; an empty list is ignored, so that no reload drops authentication."""
        if schemes:
            self._schemes = tuple(schemes)

    async def authenticate(self, credential: str | None, address: str) -> Principal:
        """Return the principal of a request or of a WebSocket handshake.

        Raises:
            Refused: `auth_error`: the credential is missing or not valid.
        """
        if not self._schemes:
            return anonymous(address)
        return await self.verify_credential(credential)

    async def verify_credential(self, credential: str | None) -> Principal:
        """Return the principal of a credential.

        Raises:
            Refused: `auth_error`: the credential is missing or not valid.
        """
        if not credential:
            raise missing_credential()
        if len(credential) <= MAX_CREDENTIAL_LENGTH:
            for scheme in self._schemes:
                if (principal := await scheme.authenticate(credential, self._unix())) is not None:
                    return principal
        raise invalid_credential()

    def renew(self, principal: Principal) -> Principal:
        """Return an authenticated principal with its current rights and limits, which a reload may have changed.

        Raises:
            Refused: `auth_error`: its credential has expired or was revoked.
        """
        if self.allows_anonymous:
            return principal
        if principal.source == "address":
            raise missing_credential()
        renewed = next(filter(None, (scheme.renew(principal) for scheme in self._schemes)), None)
        if renewed is None:
            raise invalid_credential()
        # A reload may have changed when the key expires.
        if renewed.expires is not None and renewed.expires <= self._unix():
            raise expired_credential()
        return renewed.restricted_to(principal.generation_scope)

    async def issue_ticket(self, principal: Principal, scope: TicketScope, origin: str) -> tuple[str, float]:
        """Issue a ticket for a principal; return its text and when it expires, in seconds since 1970.

        Raises:
            Refused: `rate_limit`.
        """
        unix = self._unix()
        return await self.tickets.issue(principal, scope, origin, unix), unix + TICKET_SECONDS

    async def redeem_ticket(self, ticket: str, use: TicketUse, origin: str) -> Principal:
        """Use a ticket and return its principal, renewed; see `TicketStore.redeem`.

        A ticket ends with the credential that requested it.

        Raises:
            Refused: `auth_error`, the same for every reason.
        """
        principal = await self.tickets.redeem(ticket, use, origin, self._unix())
        try:
            return self.renew(principal)
        except Refused:
            # Another request with this ticket may wait for what this one starts.
            await self.restore_ticket(ticket)
            raise invalid_ticket() from None

    async def record_start(self, ticket: str, generation_id: str) -> None:
        """Record the generation that a ticket started; see `TicketStore.record_start`."""
        await self.tickets.record_start(ticket, generation_id)

    async def restore_ticket(self, ticket: str) -> None:
        """Mark a ticket as unused if it started nothing; see `TicketStore.restore`."""
        await self.tickets.restore(ticket, self._unix())


KEY_HEADERS: Final = ("x-api-key", "x-goog-api-key")
"""Headers in which the clients of Anthropic's and Google's APIs send their key."""


def bearer_credential(headers: Mapping[str, str]) -> str | None:
    """Return the credential of `Authorization: Bearer …` (RFC 6750, 2.1) or of `KEY_HEADERS`, or None without them.

    Raises:
        Refused: `auth_error`: the header has another form.
    """
    header = headers.get("authorization")
    if header is None:
        return next((key.strip() for name in KEY_HEADERS if (key := headers.get(name))), None)
    scheme, _, credential = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise invalid_credential()
    return credential.strip()


def missing_credential() -> Refused:
    """Build the refusal of a request without a credential."""
    return _refused(
        "This gateway requires a key: send the header Authorization: Bearer …, or where a page can't, use a ticket "
        "(POST /api/tickets)."
    )


def missing_hello() -> Refused:
    """Build the refusal of a socket's command before its `hello`; a page can't add a header to a handshake."""
    message = 'This gateway requires a key: first send {"type":"hello","token":"…"} or {"type":"hello","ticket":"…"}.'
    return Refused(Code.AUTH_ERROR, message, param="token", status=401)


def invalid_credential() -> Refused:
    """Build the refusal of an invalid credential, which is the same for every reason."""
    return _refused("The key or token is not valid here.")


def expired_credential() -> Refused:
    """Build the refusal of a credential that was valid and has expired."""
    return _refused("The key or token has expired: request a new one.")


def _refused(message: str) -> Refused:
    return Refused(Code.AUTH_ERROR, message, param="Authorization", status=401)
