"""The head of a response: what uvicorn writes, byte for byte."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.server.lightweight import SingleWaiterEvent
from gateway.server.response_cycle import ResponseCycle

DATE = (b"date", b"Sun, 29 Nov 2026 12:00:00 GMT")


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True


class _Holding:
    """Writes a head only when it must."""

    def __init__(self, transport: _Transport) -> None:
        self._transport, self._head = transport, b""

    def begin(self, head: bytes) -> None:
        self._head = head

    def write_head(self) -> None:
        self._transport.write(self._head)
        self._head = b""


async def _send(
    kind: type[RequestResponseCycle],
    messages: Sequence[ASGISendEvent],
    method: str,
    *,
    keep_alive: bool,
    holds: bool = False,
) -> tuple[bytes, bool, str]:
    """Return what a cycle writes, whether it closes the connection, and its error."""
    transport, logger = _Transport(), logging.getLogger("test")
    cycle = kind(
        scope={"method": method},  # type: ignore[typeddict-item]
        transport=transport,
        flow=FlowControl(transport),
        logger=logger,
        access_logger=logger,
        access_log=False,
        default_headers=[DATE],
        message_event=SingleWaiterEvent(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )
    if isinstance(cycle, ResponseCycle) and holds:
        cycle.head_writer = _Holding(transport)
    try:
        for message in messages:
            await cycle.send(message)
    except RuntimeError as error:
        return transport.written, transport.closed, str(error)
    return transport.written, transport.closed, ""


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304, 404])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"text/event-stream"), (b"x-twice", b"1"), (b"x-twice", b"2")],
        [(b"content-length", b"4")],
        [(b"connection", b"close")],
        [(b"connection", b"keep-alive")],
        [(b"transfer-encoding", b"chunked")],
    ],
)
async def test_it_writes_what_uvicorn_writes(
    headers: Sequence[tuple[bytes, bytes]], status: int, method: str, *, keep_alive: bool, holds: bool
) -> None:
    messages: list[ASGISendEvent] = [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": b"text", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
        {"type": "http.response.start", "status": status},
    ]
    ours = await _send(ResponseCycle, messages, method, keep_alive=keep_alive, holds=holds)
    assert ours == await _send(RequestResponseCycle, messages, method, keep_alive=keep_alive)
