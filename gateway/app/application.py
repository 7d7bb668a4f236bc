"""The ASGI application: Starlette, with deferred serving."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from gateway.api.error_handlers import ErrorHandler, fault_response
from gateway.api.middleware.errors import ErrorMiddleware
from gateway.api.middleware.headers import ValidatedSend
from gateway.app.router import PathRouter
from gateway.asgi import DEFERRED, DeferredServe, direct_writer
from gateway.pipeline.departures import Departures


class Application(Starlette):
    """Runs what a transport has deferred after Starlette has returned; see `gateway.asgi.defer`.

    Here, and nowhere else, a stream that was counted is released, however its request ends.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        departures: Departures,
        middleware: Sequence[Middleware] = (),
        error_handlers: Mapping[type[Exception], ErrorHandler] = MappingProxyType({}),
        lifespan: Lifespan["Application"] | None = None,
    ) -> None:
        super().__init__(middleware=middleware)
        self.router = PathRouter(routes, lifespan)
        self._departures = departures
        self._error_handlers = error_handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        deferred = DeferredServe()
        # Set before the request is handled: middleware that copies the scope copies this reference with it.
        scope[DEFERRED] = deferred
        if self._departures.is_announced and scope["type"] == "http":
            send = closing(send)
        try:
            await self._respond(scope, receive, ValidatedSend(send))
            if deferred.serve is not None:
                if direct_writer(scope) is not None:
                    # The scope takes kilobytes for as long as the stream lasts. Our own server reads only these keys
                    # of it; other servers may read others when the request has ended.
                    kept = {key: scope[key] for key in ("type", "method") if key in scope}
                    scope.clear()
                    scope.update(kept)
                    del kept
                await deferred.serve(receive, send)
        finally:
            if deferred.stream is not None:
                deferred.stream.release()

    async def _respond(self, scope: Scope, receive: Receive, send: ValidatedSend) -> None:
        """Do all but what a transport defers; answer a fault of ours, which the server then logs."""
        scope["app"] = self
        if self.middleware_stack is None:
            # With the first request: until then, `add_middleware` may add to it.
            self.middleware_stack = self.build_middleware_stack()
        try:
            await self.middleware_stack(scope, receive, send)
        except Exception:
            if scope["type"] == "http" and not send.has_begun:
                await fault_response(Request(scope))(scope, receive, send)
            raise

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware around the routes: without Starlette's own, which `_respond` and this replace."""
        app: ASGIApp = ErrorMiddleware(self.router.app, self._error_handlers)
        for middleware, arguments, named in reversed(self.user_middleware):
            app = middleware(app, *arguments, **named)
        return app


def closing(send: Send) -> Send:
    """Return a `send` that closes the connection after a response: the client, or a proxy, goes to another gateway."""

    async def send_closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return send_closing
