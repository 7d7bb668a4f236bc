"""Play an answer to a client: a stream whose steps go out when they are due, or one object after as long a wait."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.simulator.ledger import Ledger
from gateway.simulator.timeline import End, Step

BATCH: Final = 16 * 1024
"""Bytes after which a stream that is due writes them and lets the others run."""
_STREAM_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


@dataclass(slots=True)
class Exchange:
    """One answer on its way: its id, when the request came (seconds of the loop's clock), chunks sent so far."""

    id: str
    began: float
    chunks: int = 0


async def stream(
    request: web.Request, steps: Iterator[Step], exchange: Exchange, ledger: Ledger, batch: int = BATCH
) -> web.StreamResponse:
    """Play a stream to the end that its steps want."""
    response = web.StreamResponse(headers=_STREAM_HEADERS | {"X-Request-Id": exchange.id})
    await response.prepare(request)
    match await _play(steps, response, exchange, ledger, batch):
        case End.SILENCE:
            await asyncio.get_running_loop().create_future()
        case End.CUT if request.transport is not None:
            # What was written still goes out; the terminator of the chunked body does not.
            request.transport.close()
        case _:
            await response.write_eof()
    return response


async def whole(body: bytes, exchange: Exchange, seconds: float) -> web.Response:
    """Give the whole answer, so many seconds after the request came."""
    await asyncio.sleep(max(exchange.began + seconds - asyncio.get_running_loop().time(), 0))
    return web.Response(body=body, content_type="application/json", headers={"X-Request-Id": exchange.id})


async def _play(
    steps: Iterator[Step], response: web.StreamResponse, exchange: Exchange, ledger: Ledger, batch: int
) -> End | None:
    """Write each step when it is due; what is late goes out in one write, at most about `batch` bytes at a time."""
    clock = asyncio.get_running_loop().time
    data = bytearray()
    chunks = 0
    end: End | None = None
    for step in steps:
        wait = exchange.began + step.due - clock()
        if wait > 0 or len(data) >= batch:
            await _send(data, chunks, response, exchange, ledger)
            data.clear()
            chunks = 0
            await asyncio.sleep(max(wait, 0))
        data += step.data
        chunks += step.chunks
        end = step.end
    await _send(data, chunks, response, exchange, ledger)
    return end


async def _send(data: bytearray, chunks: int, response: web.StreamResponse, exchange: Exchange, ledger: Ledger) -> None:
    if data:
        exchange.chunks += chunks
        ledger.chunks += chunks
        await response.write(bytes(data))
