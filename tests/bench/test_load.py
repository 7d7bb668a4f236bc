"""The load generator with the provider, and with servers that misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.bench.load.__main__ import run_plan
from tests.bench.load.frames import ACCEPT
from tests.bench.messages import AnswerKind, AnswerSpec, Plan, ProviderStats, Request, Tally
from tests.bench.outcome import Outcome, faults
from tests.bench.provider.server import Connection, Provider
from tests.bench.scenarios import Shape


def plan(port: int, shape: Shape, path: str = "/v1/chat/completions") -> Plan:
    body = json.dumps({"model": shape.answer.model_name()})
    return Plan(
        port,
        Request("sse", path, body),
        shape.streams,
        shape.requests,
        shape.answer.tokens,
        leave_after=shape.leave_after,
        timeout_seconds=10,
    )


@asynccontextmanager
async def listening(protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "answer", [AnswerSpec(40), AnswerSpec(10, interval_ms=2), AnswerSpec(10, interval_ms=2, first_ms=20)]
)
async def test_nothing_is_lost_between_provider_and_load(answer: AnswerSpec) -> None:
    provider, shape = Provider(), Shape(5, 20, answer)
    async with listening(lambda: Connection(provider)) as port:
        tally = await run_plan(plan(port, shape))
    assert faults(Outcome(shape, tally, provider.stats), must_close=True) == []
    assert (tally.succeeded, tally.tokens) == (20, 20 * answer.tokens)
    assert (provider.stats.started, provider.stats.completed, provider.stats.running) == (20, 20, 0)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
async def test_every_api_of_the_provider_can_be_read(path: str) -> None:
    provider, shape = Provider(), Shape(5, 20, AnswerSpec(40))
    async with listening(lambda: Connection(provider)) as port:
        tally = await run_plan(plan(port, shape, path))
    assert faults(Outcome(shape, tally, provider.stats), must_close=True) == []
    assert (tally.succeeded, tally.tokens) == (20, 20 * 40)


async def test_the_provider_records_disconnects() -> None:
    provider, shape = Provider(), Shape(5, 5, AnswerSpec(1000, interval_ms=2), leave_after=3)
    async with listening(lambda: Connection(provider)) as port:
        tally = await run_plan(plan(port, shape))
        while provider.stats.running:
            await asyncio.sleep(0.01)
    assert faults(Outcome(shape, tally, provider.stats), must_close=True) == []
    assert sorted(stream for stream, _, _ in provider.stats.closes) == sorted(each.stream for each in tally.stopped)
    assert all(
        at >= next(each.at for each in tally.stopped if each.stream == stream)
        for stream, at, _ in provider.stats.closes
    )
    assert all(3 <= sent < 100 for _, _, sent in provider.stats.closes)


@pytest.mark.parametrize(("kind", "sent_before"), [("held", 0), ("paused", 1)])
async def test_answers_go_on_when_they_are_released(kind: AnswerKind, sent_before: int) -> None:
    provider, shape = Provider(), Shape(5, 5, AnswerSpec(10, interval_ms=2, kind=kind))
    async with listening(lambda: Connection(provider)) as port:
        load = asyncio.create_task(run_plan(plan(port, shape)))
        while provider.stats.running < shape.streams:
            await asyncio.sleep(0.01)
        assert provider.stats.tokens == sent_before * shape.streams
        provider.release()
        tally = await load
    assert faults(Outcome(shape, tally, provider.stats), must_close=True) == []
    assert tally.tokens == 5 * 10


async def test_the_provider_refuses_unknown_models_and_paths() -> None:
    async with listening(lambda: Connection(Provider())) as port:
        wrong = Plan(port, Request("sse", "/v1/chat/completions", '{"model": "gpt"}'), 1, 1, 1)
        assert (await run_plan(wrong)).failures == {"protocol: status 400": 1}
        wrong = Plan(port, Request("sse", "/elsewhere", "{}"), 1, 1, 1)
        assert (await run_plan(wrong)).failures == {"protocol: status 404": 1}


class WrongStream(asyncio.Protocol):
    """Answers any request with these tokens and this end."""

    def __init__(self, sequences: Sequence[int], end: bytes) -> None:
        self._events = b"".join(b"data: @1.%d.1@\n\n" % sequence for sequence in sequences) + end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if self._events:
            self._transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(self._events), self._events))
        else:
            self._transport.close()


DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("sequences", "end", "found"),
    [
        ((0, 1, 2), DONE, []),
        ((0, 2), DONE, ["1 of 1 requests: tokens not as sent", "1 tokens lost"]),
        ((0, 1, 1, 2), DONE, ["1 of 1 requests: tokens not as sent", "1 tokens duplicated"]),
        ((1, 0, 2), DONE, ["1 of 1 requests: tokens not as sent", "1 tokens reordered"]),
        ((0, 1, 2), b"", ["1 of 1 requests: ended with no terminal event"]),
        ((0, 1, 2), b"event: error\ndata: {}\n\n", ["1 of 1 requests: ended with error"]),
        ((0, 1, 2), DONE + b"data: @1.3.1@\n\n", ["1 of 1 requests: content after the end"]),
        ((0, 1, 2), DONE + DONE, ["1 of 1 requests: two terminal events"]),
        ((), b"", ["1 of 1 requests: the connection was lost"]),
    ],
)
async def test_every_fault_of_a_stream_is_found(sequences: Sequence[int], end: bytes, found: list[str]) -> None:
    shape = Shape(1, 1, AnswerSpec(3))
    async with listening(lambda: WrongStream(sequences, end)) as port:
        tally: Tally = await run_plan(plan(port, shape))
    assert faults(Outcome(shape, tally, Provider().stats), must_close=True) == found


class WrongSocket(asyncio.Protocol):
    """A gateway's WebSocket that sends these messages after a start, and those after an interrupt."""

    def __init__(self, at_start: Sequence[str], at_interrupt: Sequence[str]) -> None:
        self._replies = iter([at_start, at_interrupt])
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._is_open:
            self._is_open = True
            self._transport.write(f"HTTP/1.1 101 Welcome\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n".encode())
            return
        for text in next(self._replies, ()):
            self._transport.write(bytes((0x81, len(text))) + text.encode())


def chunk(seq: int, *tokens: int) -> str:
    stamps = "".join(f"@1.{token}.1@" for token in tokens)
    return f'{{"type":"chunk","content":"{stamps}","seq":{seq}}}'


ACCEPTED = '{"type":"accepted","generation_id":"g_1","seq":1}'
ACK = '{"type":"ack","id":1,"generation_id":"g_1","state":"stopping","seq":3}'


@pytest.mark.parametrize(
    ("replies", "found"),
    [
        ((ACK, '{"type":"interrupted","seq":4}'), []),
        (('{"type":"interrupted","seq":4}', ACK), []),
        ((ACK, chunk(4, 2), '{"type":"interrupted","seq":5}'), ["1 events after the fence"]),
        ((ACK, '{"type":"interrupted","seq":4}', chunk(5, 2)), ["1 of 1 requests: content after the end"]),
        (('{"type":"interrupted","seq":4}', chunk(5, 2)), ["1 of 1 requests: content after the end"]),
        ((ACK, '{"type":"complete","seq":4}'), ["1 of 1 requests: ended with complete"]),
        (('{"type":"rejected","code":"already_over"}',), ["1 of 1 requests: rejected: already_over"]),
    ],
)
async def test_events_after_the_fence_are_found(replies: Sequence[str], found: list[str]) -> None:
    shape = Shape(1, 1, AnswerSpec(1000), interrupt_after=2)
    request = Request("websocket", "/api/ws", method="GET", first='{"type":"start"}')
    async with listening(lambda: WrongSocket((ACCEPTED, chunk(2, 0), chunk(3, 1)), replies)) as port:
        tally = await run_plan(Plan(port, request, 1, 1, 1000, interrupt_after=2, timeout_seconds=5))
    assert faults(Outcome(shape, tally, ProviderStats(closes=[(1, 2, 2)])), must_close=True) == found
