"""Turn exceptions into responses: refusals, unknown routes, and faults of our own."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.context import PRINCIPAL
from gateway.api.responses import refusal_response
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import Code, Refused, invalid
from gateway.security.principals import Principal

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


def error_handlers(hub: Hub) -> Mapping[type[Exception], ErrorHandler]:
    """Return the handler of each kind of exception; that of a refusal adds what is left of the rate limit."""

    async def on_refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, Refused):
            raise error
        principal: Principal | None = request.scope.get(PRINCIPAL)
        return refusal_response(error, request, None if principal is None else hub.allowance(principal))

    return {Refused: on_refused, HTTPException: _on_http_exception}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette refuses: an unknown path, or a method that a route does not have."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path[:200]
    messages = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {path!r}; docs/reference/protocol.md lists the routes.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{path!r} does not take {request.method[:20]}.",
    }
    message = messages.get(HTTPStatus(error.status_code), str(error.detail))
    response = refusal_response(invalid(message, status=error.status_code), request)
    response.headers.update(error.headers or {})
    return response


def fault_response(request: Request) -> Response:
    """Return the response to a request that met a fault of ours.

    The server logs that with its traceback; a client gets no internals.
    """
    return refusal_response(Refused(Code.SERVER_ERROR, "The gateway failed.", status=500), request)
