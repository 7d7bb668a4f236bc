"""What middleware has found out about a request, in its ASGI scope."""

from starlette.requests import HTTPConnection
from starlette.types import Scope

from gateway.net.addresses import client_address
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal

PRINCIPAL = "dualstream.principal"
"""Where in the scope the principal is, once the gate has let it in."""


ORIGIN = "dualstream.origin"
"""Where in the scope the origin of an allowed page is; "" is our own, or no page."""


def principal(connection: HTTPConnection) -> Principal:
    """Give whose a request is, as the gate has said (gateway/api/middleware/auth.py).

    Raises:
        Refused: `auth_error`: the gate was not asked, or has not let it in.
    """
    return principal_of(connection.scope)


def principal_of(scope: Scope) -> Principal:
    """Give whose a connection is; as `principal`."""
    found: Principal | None = scope.get(PRINCIPAL)
    if found is None:
        raise missing_credential()
    return found


def address(connection: HTTPConnection) -> str:
    """Tell where a request comes from: its client's address, behind trusted proxies as they forward it."""
    return client_address(connection.client.host if connection.client is not None else "")
