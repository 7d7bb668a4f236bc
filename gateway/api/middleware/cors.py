"""Cross-origin requests (WHATWG Fetch, "CORS protocol") of the pages whose origins are allowed."""

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware


def cors_middleware(origins: Sequence[str]) -> list[Middleware]:
    """Return the middleware for `origins`; none without them."""
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
