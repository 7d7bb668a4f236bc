"""Values that middleware stores in the ASGI scope of a request."""

from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.types import Scope

from gateway.dialects.base import Dialect
from gateway.net.addresses import client_address
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal

PRINCIPAL = "dualstream.principal"
"""Scope key of the principal; absent until the request is authenticated."""

ORIGIN = "dualstream.origin"
"""Scope key of the origin of an allowed page; "" for our own page and for a client that is not a browser."""

DIALECT = "dualstream.dialect"
"""Scope key of the dialect of a request, in whose form it is refused; absent for our own protocol."""

HEADERS = "dualstream.headers"
"""Scope key of the headers; see `headers_of`."""


def headers_of(scope: Scope) -> Mapping[str, str]:
    """Return the headers by their names in lower case, the first of each name.

    A request is asked for a dozen headers: they are decoded once, where Starlette compares all of them each time.
    """
    headers: Mapping[str, str] | None = scope.get(HEADERS)
    if headers is None:
        # Of several with the same name, the last item of a dictionary counts.
        encoded = reversed(scope["headers"])
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in encoded}
        scope[HEADERS] = headers
    return headers


def dialect_of(connection: HTTPConnection) -> Dialect | None:
    """Return the dialect of a request; None for our own protocol."""
    dialect: Dialect | None = connection.scope.get(DIALECT)
    return dialect


def principal(connection: HTTPConnection) -> Principal:
    """Return the principal of a request, as `AuthMiddleware` stored it.

    Raises:
        Refused: `auth_error`: the request is not authenticated.
    """
    return principal_of(connection.scope)


def principal_of(scope: Scope) -> Principal:
    """Return the principal in a scope; see `principal`."""
    stored: Principal | None = scope.get(PRINCIPAL)
    if stored is None:
        raise missing_credential()
    return stored


def address(connection: HTTPConnection) -> str:
    """Return the client's address; behind trusted proxies, the one that they forward."""
    client = connection.scope.get("client")
    return client_address("" if client is None else client[0])
