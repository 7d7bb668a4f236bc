"""`GET /metrics`: the metrics in the formats of Prometheus and OpenMetrics."""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.middleware.auth import METRICS_PATH
from gateway.api.requests import request_id
from gateway.api.services import Services
from gateway.protocol.errors import forbidden
from gateway.telemetry.metrics.snapshot import Snapshot

GZIP_WINDOW: Final = 31
"""`wbits` of zlib for the gzip format (RFC 1952)."""

TURN_SECONDS: Final = 0.002
"""Time of writing after which everything else has its turn."""

GZIP_LEVEL: Final = 1
"""Fast: the text is repetitive, and shrinks to a tenth even so."""


class MetricsRoute:
    """The route, for clients with a role and for the metrics key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the route."""
        return [Route(METRICS_PATH, self._show)]

    async def _show(self, request: Request) -> Response:
        if not principal(request).observes:
            raise forbidden("observe")
        write, media_type = await asyncio.to_thread(_writer, request.headers.get("accept"))
        snapshot = await self._services.metrics.snapshot()
        compressor = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW) if _accepts_gzip(request) else None
        pieces: list[bytes] = []
        clock = self._services.clock
        began = clock.now()
        for piece in write(snapshot):
            pieces.append(piece if compressor is None else compressor.compress(piece))
            # Thousands of series take tens of milliseconds, in which no chunk could be passed on. Not after each piece:
            # a turn of the event loop is long where thousands of streams are due in it.
            if clock.now() - began >= TURN_SECONDS:
                await asyncio.sleep(0)
                began = clock.now()
        headers = {"X-Request-ID": request_id(request), "Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
        if compressor is not None:
            pieces.append(compressor.flush())
            headers["Content-Encoding"] = "gzip"
        return Response(b"".join(pieces), headers={**headers, "Content-Type": media_type})


def _writer(accept: str | None) -> tuple[Callable[[Snapshot], Iterator[bytes]], str]:
    """Return what writes a snapshot in the format that a client accepts, and the media type.

    The first call loads prometheus-client, which takes a twentieth of a second.
    """
    from gateway.telemetry.metrics.exposition import negotiate, write  # noqa: PLC0415 - see above

    encoder, media_type = negotiate(accept)
    return partial(write, encoder=encoder), media_type


def _accepts_gzip(request: Request) -> bool:
    """Return True if the client decompresses gzip (RFC 9110, 12.5.3); a weight of 0 says that it does not."""
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, parameter = coding.partition(";")
        weight = parameter.strip().removeprefix("q=")
        if name.strip() in {"gzip", "*"} and (not weight or weight.strip("0.")):
            return True
    return False
