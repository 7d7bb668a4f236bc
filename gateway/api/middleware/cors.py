"""Cross-origin requests (WHATWG Fetch, "CORS protocol"): what pages of other origins may send and read."""

import logging
import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.context import headers_of
from gateway.api.middleware.auth import log_foreign_page
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.log_fields import log_fields
from gateway.log_throttle import INTERVAL
from gateway.security.origins import forbidden_origin

METHODS: Final = ("GET", "POST", "DELETE")
REQUEST_HEADERS: Final = (
    *("accept", "accept-language", "authorization", "cache-control", "content-language", "content-type"),
    *("idempotency-key", "last-event-id", "x-coalesce-ms", "x-on-disconnect", "x-request-id", "x-ai-sdk-version"),
    *("x-run-id", "x-api-key", "x-goog-api-key"),
)
"""Headers that the gateway reads, and those that need no permission in most requests. The setting adds others."""

MODEL_API_HEADERS: Final = ("anthropic-*", "openai-*", "x-goog-api-client", "x-stainless-*")
"""Headers that the SDKs of OpenAI, Anthropic and Google send from a page (`dangerouslyAllowBrowser`)."""

RESPONSE_HEADERS: Final = (
    *("X-Request-ID", "X-Generation-ID", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    *("Retry-After-Ms", "X-Should-Retry", "X-Error-Code"),
    *("X-Workflow-Run-ID", "X-Workflow-Stream-Tail-Index"),
)

MAX_AGE: Final = 600
"""Seconds for which a browser may keep the answer to a preflight."""

_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")

logger = logging.getLogger(__name__)


class CorsMiddleware:
    """ASGI middleware that answers preflights, and lets pages of listed origins read responses.

    Refusals of other pages are sent by `AuthMiddleware`. `allowed_headers` are names in lower case that may end in `*`.
    """

    def __init__(self, app: ASGIApp, services: Services, allowed_headers: Sequence[str] = ()) -> None:
        self._app = app
        self._services = services
        allowed = (*MODEL_API_HEADERS, *allowed_headers)
        self._names = frozenset({*REQUEST_HEADERS, *allowed})
        self._prefixes = tuple(name[:-1] for name in allowed if name.endswith("*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; pass on every other request."""
        # A WebSocket needs no CORS, its origin is checked in the handshake.
        origin = headers_of(scope).get("origin") if scope["type"] == "http" else None
        if origin is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers_of(scope):
            await self._preflight(Request(scope), origin)(scope, receive, send)
        else:
            is_listed = self._services.origins.is_listed(origin)
            await self._app(scope, receive, _readable(send, origin) if is_listed else send)

    def _preflight(self, request: Request, origin: str) -> Response:
        if not self._services.origins.is_listed(origin):
            refused = forbidden_origin(origin)
            log_foreign_page(self._services, request, refused)
            return refusal_response(refused, request)
        requested = [
            name.strip().lower() for name in request.headers.get("access-control-request-headers", "").split(",")
        ]
        refused_names = [name for name in requested if name and not self._is_allowed(name)]
        # Even if one is missing, the status is 200: only then does the console of the browser name the header.
        text = "OK"
        if refused_names:
            text = f"DUALSTREAM_ALLOWED_HEADERS does not list {', '.join(refused_names)[:200]}."
            self._log_refused_headers(origin, text)
        allowed = sorted({*REQUEST_HEADERS, *filter(self._is_allowed, requested)})
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(allowed),
            "Access-Control-Max-Age": str(MAX_AGE),
            "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
        }
        if "access-control-request-private-network" in request.headers:
            # A public page may call a gateway in a private network (wicg.github.io/private-network-access).
            headers["Access-Control-Allow-Private-Network"] = "true"
        return PlainTextResponse(text, headers=headers)

    def _is_allowed(self, name: str) -> bool:
        return _NAME.fullmatch(name) is not None and (name in self._names or name.startswith(self._prefixes))

    def _log_refused_headers(self, origin: str, text: str) -> None:
        if self._services.foreign_pages.is_due(f"{origin} {text}", self._services.clock.now()):
            logger.warning(
                "a page of %s may not send its headers: %s (Not logged again in the next %g s.)",
                origin[:200],
                text,
                INTERVAL,
                extra=log_fields("headers_refused", origin=origin[:200], reason=text, setting="allowed_headers"),
            )


def _readable(send: Send, origin: str) -> Send:
    """Wrap an ASGI `send` so that pages of an origin can read the response."""

    async def send_readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Credentials"] = "true"
            headers["Access-Control-Expose-Headers"] = ", ".join(RESPONSE_HEADERS)
            headers.add_vary_header("Origin")
        await send(message)

    return send_readable
