"""Answer the exceptions of routes."""

from collections.abc import Mapping

from starlette.exceptions import WebSocketException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from gateway.api.error_handlers import ErrorHandler


class ErrorMiddleware:
    """ASGI middleware that answers each exception of an HTTP route that has a handler; nearly all others pass.

    A WebSocket whose endpoint raises a `WebSocketException` is closed as that says. Ours raise none; those of the
    transports of other packages may.

    Starlette's own wraps `send` for each request, to know whether a response has begun. A server knows that: it accepts
    no second beginning, and raises an exception.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[type[Exception], ErrorHandler]) -> None:
        self._app = app
        self._handlers = handlers
        self._kinds = tuple(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer its exception."""
        try:
            await self._app(scope, receive, send)
        except self._kinds as error:
            if scope["type"] != "http":
                raise
            response = await self._handler(error)(Request(scope, receive, send), error)
            await response(scope, receive, send)
            # The frames that it passed may hold it: a reference cycle, which would keep the request, too.
            error.__traceback__ = None
        except WebSocketException as error:
            if scope["type"] != "websocket":
                raise
            await WebSocketClose(error.code, error.reason)(scope, receive, send)

    def _handler(self, error: Exception) -> ErrorHandler:
        return next(self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers)
