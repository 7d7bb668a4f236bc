"""The ASGI application: Starlette, with deferred serving."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler, Lifespan, Message, Receive, Scope, Send

from gateway.api.middleware.headers import validate_headers
from gateway.app.router import PathRouter
from gateway.asgi import DEFERRED, DeferredServe, direct_writer


class Application(Starlette):
    """Runs what a transport has deferred after Starlette has returned; see `gateway.asgi.defer`.

    Here, and nowhere else, a stream that was counted is released, however its request ends.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        middleware: Sequence[Middleware] = (),
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan["Application"] | None = None,
    ) -> None:
        super().__init__(middleware=middleware, exception_handlers=exception_handlers)
        self.router = PathRouter(routes, lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        deferred = DeferredServe()
        # Set before the request is handled: middleware that copies the scope copies this reference with it.
        scope[DEFERRED] = deferred
        if self.state.hub.departures.is_announced and scope["type"] == "http":
            send = closing(send)
        try:
            await super().__call__(scope, receive, validate_headers(send))
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


def closing(send: Send) -> Send:
    """Return a `send` that closes the connection after a response: the client, or a proxy, goes to another gateway."""

    async def send_closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return send_closing
