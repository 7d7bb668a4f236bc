"""Send a response to a client: a stream whose steps are written when they are due, or one object after a wait."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.simulator.stamps import fill
from gateway.simulator.stats import Stats
from gateway.simulator.timeline import End, Step

BATCH_BYTES: Final = 16 * 1024
"""Maximum bytes per write, about; between two writes other streams run."""
_STREAM_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


@dataclass(slots=True)
class Exchange:
    """One response being sent: its id, the request's time (seconds of the loop's clock), the chunks sent so far.

    `stamped`: its chunks tell the time at which they were sent.
    """

    id: str
    started_at: float
    chunks: int = 0
    stamped: bool = False


async def send_stream(
    request: web.Request, steps: Iterator[Step], exchange: Exchange, stats: Stats, batch_bytes: int = BATCH_BYTES
) -> web.StreamResponse:
    """Send a stream, and end it as its last step says."""
    response = web.StreamResponse(headers=_STREAM_HEADERS | {"X-Request-Id": exchange.id})
    await response.prepare(request)
    match await _write_steps(steps, response, exchange, stats, batch_bytes):
        case End.SILENCE:
            await asyncio.get_running_loop().create_future()
        case End.CUT if request.transport is not None:
            # Written data is still sent, but not the last chunk, so that the body is incomplete (RFC 9112, 8).
            request.transport.close()
        case _:
            await response.write_eof()
    return response


async def send_body(body: bytes, exchange: Exchange, seconds: float) -> web.Response:
    """Send one object, `seconds` after the request."""
    await asyncio.sleep(max(exchange.started_at + seconds - asyncio.get_running_loop().time(), 0))
    return web.Response(body=body, content_type="application/json", headers={"X-Request-Id": exchange.id})


async def _write_steps(
    steps: Iterator[Step], response: web.StreamResponse, exchange: Exchange, stats: Stats, batch_bytes: int
) -> End | None:
    """Write each step when it is due. Steps that are late share a write of at most about `batch_bytes` bytes."""
    clock = asyncio.get_running_loop().time
    data = bytearray()
    chunks = 0
    end: End | None = None
    for step in steps:
        wait = exchange.started_at + step.due - clock()
        if wait > 0 or len(data) >= batch_bytes:
            await _write(data, chunks, response, exchange, stats)
            data.clear()
            chunks = 0
            await asyncio.sleep(max(wait, 0))
        data += step.data
        chunks += step.chunks
        end = step.end
    await _write(data, chunks, response, exchange, stats)
    return end


async def _write(data: bytearray, chunks: int, response: web.StreamResponse, exchange: Exchange, stats: Stats) -> None:
    if data:
        exchange.chunks += chunks
        stats.chunks += chunks
        await response.write(fill(data, time.monotonic_ns()) if exchange.stamped else bytes(data))
