"""Check the origin of every request, and authenticate it.

A WebSocket is authenticated after its handshake instead (transports/handshake.py): its first command may be a hello.
"""

import logging
import secrets
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admission.log_throttle import log_message
from gateway.api import session, tickets
from gateway.api.context import DIALECT, ORIGIN, PRINCIPAL, address, dialect_of, headers_of
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.dialects.base import DialectFinder
from gateway.log_fields import log_fields
from gateway.protocol.errors import Code, Refused
from gateway.security.authenticator import bearer_credential
from gateway.security.principals import Principal
from gateway.telemetry.metrics import names

PUBLIC_PATHS: Final = frozenset({"/", "/console", "/docs", "/health", "/ready", "/openapi.json"})
"""Paths without authentication: the pages, which show nothing by themselves, health checks, the API description."""

PUBLIC_PREFIX: Final = "/static/"

METRICS_PATH: Final = "/metrics"
"""Path that the metrics key opens, and no other."""

_METRICS_READER: Final = Principal(METRICS_PATH, "key", roles=frozenset({"observe"}))
"""Who has the metrics key. No other path sees it."""

logger = logging.getLogger(__name__)


class AuthMiddleware:
    """ASGI middleware that refuses requests of foreign pages and of clients that are not authenticated.

    Public paths are exempt.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._dialects = DialectFinder(services.dialects)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, and store its origin and principal in the scope."""
        if scope["type"] == "http" and not _is_public(scope["path"]):
            scope[DIALECT] = self._dialects.find(scope["path"], headers_of(scope))
            try:
                await self._authenticate(HTTPConnection(scope))
            except Refused as refused:
                count_refusal(self._services, refused)
                await _refusal(refused, Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _authenticate(self, connection: HTTPConnection) -> None:
        scope = connection.scope
        # The origin comes first: a foreign page must get 403 (not 401), and must not use a ticket up.
        origin = check_origin(self._services, connection)
        ticket = tickets.ticket_from_url(scope)
        if ticket is not None:
            scope[PRINCIPAL] = await self._services.authenticator.redeem_ticket(
                ticket, tickets.requested_use(Request(scope)), origin
            )
        elif scope["path"] == METRICS_PATH and _has_metrics_key(self._services, scope):
            scope[PRINCIPAL] = _METRICS_READER
        elif not session.ends_session(scope):
            await authenticate(self._services, connection, read_credential(self._services, connection))


def check_origin(services: Services, connection: HTTPConnection) -> str:
    """Check which page sent a request, and store the origin in the scope; see `Origins.check`.

    Raises:
        Refused: `forbidden`: a foreign page.
    """
    try:
        origin = services.origins.check(headers_of(connection.scope), connection.scope["scheme"])
    except Refused as refused:
        log_foreign_page(services, connection, refused)
        raise
    connection.scope[ORIGIN] = origin
    return origin


def count_refusal(services: Services, refused: Refused) -> None:
    """Count a request or handshake that was refused before it reached its route."""
    services.metrics.registry.add(names.REFUSED_REQUESTS, 1, refused.code.value)


def log_foreign_page(services: Services, connection: HTTPConnection, refused: Refused) -> None:
    """Log that a page was refused: to its author, the browser shows only that the request failed."""
    page = connection.headers.get("origin", "")
    if services.foreign_pages.is_due(page, services.clock.now()):
        path = connection.scope["path"][:200]
        fields = log_fields("origin_refused", origin=page[:200], path=path, setting="allowed_origins")
        logger.warning("a page was refused at %s: %s", path, log_message(refused), extra=fields)


def _refusal(refused: Refused, request: Request) -> Response:
    """Build the response to a refused request; a page of another origin may read why it is refused, and nothing else.

    It is readable for requests without credentials, as it allows none, and without a preflight, which was refused.
    """
    response, origin = refusal_response(refused, request), request.headers.get("origin")
    if origin is not None and refused.param == "Origin":
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers.add_vary_header("Origin")
    return response


def read_credential(services: Services, connection: HTTPConnection) -> str | None:
    """Return the credential in a header, the URL or the cookie; None without one, and if none is required.

    Raises:
        Refused: `auth_error`: the header has another form; `forbidden`: a cookie came without the page that sent it.
    """
    if services.authenticator.allows_anonymous:
        return None
    named = bearer_credential(headers_of(connection.scope)) or _key_from_url(connection)
    return named or session.token_from_cookie(services.cookie, connection)


def _key_from_url(connection: HTTPConnection) -> str | None:
    """Return the key in the URL, where the API of the request has it there. URLs are not logged."""
    dialect = dialect_of(connection)
    return connection.query_params.get(dialect.key_parameter) if dialect is not None and dialect.key_parameter else None


async def authenticate(services: Services, connection: HTTPConnection, credential: str | None) -> Principal:
    """Authenticate a connection, and store its principal in the scope.

    Raises:
        Refused: `auth_error`: the credential is missing or not valid.
    """
    principal = await services.authenticator.authenticate(credential, address(connection))
    connection.scope[PRINCIPAL] = principal
    return principal


def _has_metrics_key(services: Services, scope: Scope) -> bool:
    """Return True if a request carries the metrics key; False if other credentials may open the metrics.

    Raises:
        Refused: `auth_error`: without keys of clients, it is the only one.
    """
    key = services.metrics_key
    if key is None:
        return False
    given = bearer_credential(headers_of(scope)) or ""
    is_key = secrets.compare_digest(given.encode(), key.encode())
    if not is_key and services.authenticator.allows_anonymous:
        message = "The metrics require their key: send the header Authorization: Bearer … with it (metrics_key)."
        raise Refused(Code.AUTH_ERROR, message, param="Authorization", status=401)
    return is_key


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIX)
