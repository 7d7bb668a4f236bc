"""A cookie that carries a key or token: for pages of the same site, which then need neither headers nor tickets.

A browser sends a cookie with every request, whichever page makes it. So a cookie counts only where the request names
that page, and the page is allowed (see `gateway.security.origins`). `SameSite=Strict` alone would admit every other
page of the same site.
"""

from collections.abc import Sequence
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from gateway.api.context import principal
from gateway.api.requests import request_id
from gateway.api.responses import no_content
from gateway.api.services import Services
from gateway.protocol.errors import Code, Refused, invalid
from gateway.security.authenticator import bearer_credential
from gateway.security.origins import has_origin_headers, is_insecure_origin

PATH: Final = "/api/session"

MAX_COOKIE_LENGTH: Final = 3800
"""Characters of a credential: browsers drop cookies of more than 4,096 with name and attributes (RFC 6265, 6.1)."""


class SessionRoute:
    """`POST` and `DELETE /api/session`, where a cookie is configured."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Give the route by which pages come."""
        return [Route(PATH, self.change, methods=["POST", "DELETE"])]

    async def change(self, request: Request) -> Response:
        """Begin or end a session."""
        name = self._services.cookie
        if name is None:
            message = "No cookie is configured: name one in DUALSTREAM_COOKIE, or use tickets (POST /api/tickets)."
            raise invalid(message, status=404)
        return (self._begin if request.method == "POST" else self._end)(request, name)

    def _begin(self, request: Request, name: str) -> Response:
        """Put the credential of the `Authorization` header into the cookie, out of the page's own reach."""
        if self._services.authenticator.allows_anonymous:
            # One page does for gateways with keys and without.
            return no_content(request)
        who, credential = principal(request), bearer_credential(request.headers)
        if credential is None:
            message = "Authorization: show the key or token that the cookie is to carry."
            raise invalid(message, param="Authorization")
        if len(credential) > MAX_COOKIE_LENGTH:
            message = f"The token has more than {MAX_COOKIE_LENGTH} characters, which no cookie holds: use tickets."
            raise invalid(message, param="Authorization")
        seconds = None if who.expires is None else int(who.expires - self._services.clock.unix())
        return self._answer(request, name, credential, seconds)

    def _end(self, request: Request, name: str) -> Response:
        """Have the browser forget it; also one that is not good any more."""
        return self._answer(request, name, "", 0)

    def _answer(self, request: Request, name: str, value: str, seconds: int | None) -> Response:
        response = Response(status_code=204, headers={"X-Request-ID": request_id(request), "Cache-Control": "no-store"})
        # Secure also on plain HTTP: browsers make an exception for this machine, and elsewhere it must not go out.
        response.set_cookie(name, value, max_age=seconds, httponly=True, secure=True, samesite="strict")
        return response


def ends_session(scope: Scope) -> bool:
    """Tell whether a request is to forget the cookie, for which it need not be good."""
    return bool(scope["method"] == "DELETE" and scope["path"] == PATH)


def token_from_cookie(name: str | None, connection: HTTPConnection) -> str | None:
    """Give the credential in a request's cookie; None without one.

    Raises:
        Refused: `forbidden`: nothing says which page asks, or it is one that anybody on the way may have written;
            `auth_error`: there are two of that name.
    """
    credentials = [] if name is None else _named(name, connection.headers.getlist("cookie"))
    if not credentials:
        return None
    if not has_origin_headers(connection.headers) or is_insecure_origin(connection.headers):
        message = (
            "A cookie counts only with Origin or Sec-Fetch-Site, which browsers send over HTTPS and on this machine, "
            "and not for a page over plain HTTP: use HTTPS, or show a key in Authorization."
        )
        raise Refused(Code.FORBIDDEN, message, param="Cookie")
    if len(credentials) > 1:
        message = "Two cookies of that name came, and one of them is somebody else's: remove what is not __Host-."
        raise Refused(Code.AUTH_ERROR, message, param="Cookie", status=401)
    return credentials[0]


def _named(name: str, headers: Sequence[str]) -> list[str]:
    """Give the values of all cookies of exactly this name.

    Read here, since others strip more from a name than browsers do: what another host sets as `__Host-…` behind a
    no-break space, which no browser keeps it from, would pass for ours.
    """
    pairs = [pair.strip(" \t").partition("=") for header in headers for pair in header.split(";")]
    return [value.strip(' \t"') for key, _, value in pairs if key == name]
