"""Put the parts together. The only module of the gateway that knows the transports, and it knows them by name alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import entry_points
from itertools import filterfalse

from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.admission.command_rate import CommandRate
from gateway.admission.limits import AddressLimit
from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.admission.streams import STREAMS_PER_ADDRESS, STREAMS_PER_CLIENT, Streams
from gateway.api.context import PRINCIPAL
from gateway.api.demo_page import page_routes
from gateway.api.generations import GenerationResource
from gateway.api.middleware.auth import AuthMiddleware
from gateway.api.middleware.command_rate import is_read_route, rate_limited
from gateway.api.middleware.headers import validate_headers
from gateway.api.models import model_routes
from gateway.api.responses import json_response, refusal_response
from gateway.api.services import Services
from gateway.api.session import SessionRoute
from gateway.api.status import status_routes
from gateway.api.tickets import TicketRoute
from gateway.app.authentication import credential_schemes
from gateway.app.catalog import build
from gateway.app.reload import Reloader
from gateway.asgi import DEFERRED, DeferredServe, direct_writer
from gateway.billing.budgets import Budgets
from gateway.clock import Clock, SystemClock
from gateway.config import Settings
from gateway.net.addresses import is_loopback_host
from gateway.pipeline.hub import Hub, RetentionPolicy
from gateway.protocol.errors import Code, Refused, invalid
from gateway.routing.registry import ModelRegistry
from gateway.security.authenticator import Authenticator
from gateway.security.origins import Origins
from gateway.security.principals import Principal
from gateway.upstreams.base import Upstream
from transports.base import Transport


class Gateway(Starlette):
    """Serves those on that a transport has begun to serve, once what led to it has returned; see `serve_on`.

    Here, and nowhere else, a stream that was counted in is counted out.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request or connection."""
        # Put in now: whoever copies the scope on the way copies what it holds, not what is put into it later.
        serving = DeferredServe()
        scope[DEFERRED] = serving
        try:
            await super().__call__(scope, receive, validate_headers(send))
            if serving.serve is not None:
                if direct_writer(scope) is not None:
                    # Our own server asks for no more; others look at it when all is over.
                    kept = {key: scope[key] for key in ("type", "method") if key in scope}
                    scope.clear()
                    scope.update(kept)
                await serving.serve(receive, send)
        finally:
            if serving.stream is not None:
                serving.stream.release()


def create_app(settings: Settings, *, clock: Clock | None = None, upstream: Upstream | None = None) -> Starlette:
    """Make the ASGI application; its lifespan starts and ends all that it owns.

    `app.state.hub` is its hub, `app.state.streams` counts what is read of it, `app.state.reloading` changes its models
    and keys while it runs.

    Without an upstream, here or in the settings, it starts the simulator and calls that.

    Raises:
        ConfigurationError: the keys can't be read.
    """
    clock = clock or SystemClock()
    catalogue = build(settings, upstream=upstream)
    hub = _hub(settings, catalogue.models, clock)
    authenticator = Authenticator(credential_schemes(settings), clock.unix)
    reloading = Reloader(hub, settings, catalogue, authenticator)
    services = Services(
        hub,
        clock,
        settings.heartbeat,
        settings.viewer_timeout,
        settings.max_body_bytes,
        settings.max_generations_per_socket,
        Origins(frozenset(settings.allowed_origins), any_host=_takes_any_host(settings)),
        authenticator,
        settings.cookie,
        Streams(
            AddressLimit(settings.max_streams_per_client, STREAMS_PER_CLIENT),
            AddressLimit(settings.max_streams_per_address, STREAMS_PER_ADDRESS),
        ),
        CommandRate(settings.max_commands_per_second),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        # The first use loads a back end: not while the first client waits.
        await checkpoint()
        await reloading.start()
        try:
            yield
        finally:
            await hub.close()
            await reloading.close()

    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, Refused):
            raise error
        known: Principal | None = request.scope.get(PRINCIPAL)
        return refusal_response(error, request, None if known is None else hub.allowance(known))

    transports = [route for transport in load_transports() for route in transport.routes(services)]
    resource = GenerationResource(services)
    app = Gateway(
        routes=[
            *filter(is_read_route, transports),
            *rate_limited(
                services,
                [
                    *filterfalse(is_read_route, transports),
                    *resource.routes(),
                    *TicketRoute(services).routes(),
                    *SessionRoute(services).routes(),
                    *model_routes(hub),
                    *status_routes(hub),
                    *page_routes(),
                ],
            ),
        ],
        # The guard stands within: a preflight carries no key, and a refusal is for the page to read.
        middleware=[*_cors(settings.allowed_origins), Middleware(AuthMiddleware, services=services)],
        exception_handlers={Refused: refused, HTTPException: _no_route, Exception: _failed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.hub = hub
    app.state.streams = services.streams
    app.state.reloading = reloading
    return app


def load_transports() -> list[Transport]:
    """Find the transports that are installed: ours and those of others."""
    found = sorted(entry_points(group="dualstream.transports"), key=lambda entry: entry.name)
    return [entry.load()() for entry in found]


def _takes_any_host(settings: Settings) -> bool:
    """Tell whether pages of any name that leads here are the gateway's own."""
    # A proxy that is trusted vouches for the hosts that it lets through; with keys, a page needs one.
    if settings.trusted_proxies or settings.requires_credentials:
        return True
    # Who asks for nothing is on loopback, whatever name was given for it, such as 127.1; see `gateway.server.run`.
    return settings.insecure and not is_loopback_host(settings.host)


def _hub(settings: Settings, models: ModelRegistry, clock: Clock) -> Hub:
    return Hub(
        models,
        Slots(settings.max_concurrent, settings.max_queue, settings.max_concurrent_per_client),
        clock,
        rate_limits=RateLimits(
            settings.rate_limit_per_minute, settings.rate_limit_burst, settings.output_tokens_per_minute
        ),
        budgets=Budgets(settings.budget_per_day),
        retention_policy=RetentionPolicy(
            settings.on_disconnect,
            settings.grace,
            settings.retention,
            settings.max_retained,
            settings.max_retained_bytes,
            settings.max_output_bytes,
        ),
    )


def _cors(origins: Sequence[str]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_credentials=True,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                *["Authorization", "Cache-Control", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"],
            ],
            expose_headers=[
                *["X-Request-ID", "X-Generation-ID", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"],
                *["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"],
            ],
        )
    ]


async def _no_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path[:200]
    said = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {path!r}; docs/protocol.md lists the routes.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{path!r} does not take {request.method[:20]}.",
    }
    message = said.get(HTTPStatus(error.status_code), str(error.detail))
    response = json_response(request, invalid(message, status=error.status_code).body(), error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, _error: Exception) -> Response:
    # The server logs it with its traceback; a client learns nothing of our inside.
    return json_response(request, Refused(Code.SERVER_ERROR, "The gateway failed.", status=500).body(), 500)
