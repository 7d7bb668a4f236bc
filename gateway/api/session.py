"""A cookie that carries a key or token, so that pages of the same site need neither a header nor tickets.

A browser attaches a cookie to every request, whichever page makes it. So a cookie is accepted only if the request names
its page and that page is allowed (see `gateway.security.origins`). `SameSite=Strict` alone would admit every other page
of the same site: another port, another subdomain.
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
"""Maximum characters of a credential in a cookie.

Browsers may drop cookies of more than 4,096 bytes with name and attributes (RFC 6265, 6.1).
"""


class SessionRoute:
    """`POST` and `DELETE /api/session`, where a cookie is configured."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the route."""
        return [Route(PATH, self.change, methods=["POST", "DELETE"])]

    async def change(self, request: Request) -> Response:
        """Set or clear the cookie."""
        name = self._services.cookie
        if name is None:
            message = "No cookie is configured: name one in DUALSTREAM_COOKIE, or use tickets (POST /api/tickets)."
            raise invalid(message, status=404)
        return (self._begin if request.method == "POST" else self._end)(request, name)

    def _begin(self, request: Request, name: str) -> Response:
        """Set the cookie to the credential of the `Authorization` header; scripts of the page cannot read it there."""
        if self._services.authenticator.allows_anonymous:
            # No cookie is needed. This is not an error, so that one page works with and without keys.
            return no_content(request)
        owner, credential = principal(request), bearer_credential(request.headers)
        if credential is None:
            message = "Authorization: send the key or token that the cookie shall carry."
            raise invalid(message, param="Authorization")
        if len(credential) > MAX_COOKIE_LENGTH:
            message = f"The token has more than {MAX_COOKIE_LENGTH} characters, too many for a cookie: use tickets."
            raise invalid(message, param="Authorization")
        max_age = None if owner.expires is None else int(owner.expires - self._services.clock.unix())
        return self._response(request, name, credential, max_age)

    def _end(self, request: Request, name: str) -> Response:
        """Clear the cookie, even if its credential is no longer valid."""
        return self._response(request, name, "", 0)

    def _response(self, request: Request, name: str, value: str, max_age: int | None) -> Response:
        response = Response(status_code=204, headers={"X-Request-ID": request_id(request), "Cache-Control": "no-store"})
        # `Secure` even over plain HTTP: browsers accept it on loopback, and elsewhere the cookie must not be sent.
        response.set_cookie(name, value, max_age=max_age, httponly=True, secure=True, samesite="strict")
        return response


def ends_session(scope: Scope) -> bool:
    """Return True if a request clears the cookie, which needs no valid credential."""
    return bool(scope["method"] == "DELETE" and scope["path"] == PATH)


def token_from_cookie(name: str | None, connection: HTTPConnection) -> str | None:
    """Return the credential in a request's cookie, or None without one.

    Raises:
        Refused: `forbidden`: the request does not name its page, or the page was loaded over plain HTTP;
            `auth_error`: two cookies have this name.
    """
    credentials = [] if name is None else _cookie_values(name, connection.headers.getlist("cookie"))
    if not credentials:
        return None
    if not has_origin_headers(connection.headers) or is_insecure_origin(connection.headers):
        message = (
            "A cookie is accepted only with Origin or Sec-Fetch-Site, which browsers send over HTTPS and on this "
            "machine, and not from a page over plain HTTP: use HTTPS, or send a key in Authorization."
        )
        raise Refused(Code.FORBIDDEN, message, param="Cookie")
    if len(credentials) > 1:
        message = "Two cookies have this name, and another host set one of them: use a name that begins with __Host-."
        raise Refused(Code.AUTH_ERROR, message, param="Cookie", status=401)
    return credentials[0]


def _cookie_values(name: str, headers: Sequence[str]) -> list[str]:
    """Return the values of all cookies with exactly this name.

    Not by `http.cookies`, which strips more characters from a name than browsers do: another host can set `__Host-…`
    after a no-break space, since browsers protect only the exact prefix, and that cookie would pass for ours.
    """
    pairs = [pair.strip(" \t").partition("=") for header in headers for pair in header.split(";")]
    return [value.strip(' \t"') for pair_name, _, value in pairs if pair_name == name]
