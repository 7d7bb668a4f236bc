"""A generation whose provider's socket the test reads by hand, with the fast path of a token or without it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader

from gateway.admission.slots import Slots
from gateway.api.services import Services
from gateway.billing.budgets import Budgets
from gateway.billing.prices import Price
from gateway.dialects.base import Call, ResponseIdentity
from gateway.dialects.openai_chat import OpenAIChatDialect
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub, RetentionPolicy
from gateway.replicas.generations import Generations
from gateway.routing.backoff import Backoff
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.telemetry.metrics.histogram import Histogram
from gateway.telemetry.observer import Observer
from gateway.upstreams.base import DEFAULT_OUTPUT_BYTES, UpstreamRequest
from gateway.upstreams.connections import TrackedProtocol, UpstreamConnection
from gateway.upstreams.documents import DocumentRequest
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.response import StreamedResponse
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.start_requests import ANONYMOUS, start_request
from transports.projected.stream import ProjectedFraming
from transports.sse import EventStream
from transports.viewer import Viewer
from transports.websocket_connection import text_frame

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
"""The head of the response to each call; it comes alone."""

LIMITS = Limits(stall_timeout=20, first_token_timeout=60, usage_timeout=5)


class FakeTransport(asyncio.Transport):
    """The transport of a socket that only the test reads."""

    def __init__(self, protocol: TrackedProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._is_closing = False

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        self.close()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


class Connection(UpstreamConnection):
    """The connection of one call. `taken` counts the reads that the fast path took."""

    def __init__(self, *, fast: bool, keeps_parser: bool) -> None:
        super().__init__()
        self.protocol = TrackedProtocol(asyncio.get_running_loop())
        self.keeps_parser = keeps_parser
        self.protocol.connection_made(FakeTransport(self.protocol))
        self.taken = 0
        self._fast = fast
        self.attach(self.protocol)

    def set_take(self, take: Callable[[bytes], bool], on_body: Callable[[StreamReader], None]) -> None:
        def count(data: bytes) -> bool:
            is_taken = take(data)
            self.taken += is_taken
            return is_taken

        if self._fast:
            super().set_take(count, on_body)


class SocketUpstream:
    """An upstream whose calls have a real parser of HTTP; `calls` lists their connections."""

    name = "sockets"
    api = "openai"

    def __init__(self, wire_format: WireFormat, *, fast: bool, verbatim: bool, keeps_parser: bool = True) -> None:
        self.calls: list[Connection] = []
        self._format = wire_format
        self._fast, self._verbatim, self._keeps_parser = fast, verbatim, keeps_parser

    def can_continue(self, _request: UpstreamRequest) -> bool:
        return False

    async def open(self, request: UpstreamRequest) -> StreamedResponse:
        connection = Connection(fast=self._fast, keeps_parser=self._keeps_parser)
        protocol = connection.protocol
        protocol.set_response_params()
        protocol.data_received(HEAD)
        message, body = await protocol.read()
        assert isinstance(message, RawResponseMessage)
        assert isinstance(body, StreamReader)
        self.calls.append(connection)
        reader = self._format.reader(None)
        return StreamedResponse(request.model, connection, body, reader, 1 << 20, verbatim=self._verbatim)

    async def fetch(self, _request: DocumentRequest) -> NoReturn:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@dataclass
class Client:
    """A client's connection that keeps what is written; unless `reads`, each write fills it."""

    framing: str
    make_frame: Callable[[str, Entry], bytes]
    transport: str = "sse"
    reads: bool = True
    written: list[bytes] = field(default_factory=list)

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        return self.make_frame(generation_id, entry)

    def write(self, frames: Sequence[bytes]) -> bool:
        self.written += frames
        return self.reads

    def unsent_bytes(self) -> int:
        return 0

    def send_heartbeat(self) -> bool:
        self.written.append(b"heartbeat")
        return self.reads


class _Times(Observer):
    def __init__(self) -> None:
        self.gaps, self.delays = Histogram((0.5, 1.0, 5.0)), Histogram((0.5,))

    def chunk_times(self, *_: object) -> ChunkTimes:
        return ChunkTimes(self.gaps, self.delays)


@dataclass
class TokenPath:
    """One generation, its provider's socket, and its viewers."""

    services: Services
    clock: ManualClock
    upstream: SocketUpstream
    target: Target
    times: _Times
    generation: Generation
    viewers: list[tuple[Viewer, Client]] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """Return the number of reads that the fast path took."""
        return sum(call.taken for call in self.upstream.calls)

    def read(self, data: bytes) -> None:
        """Read some bytes from the socket of the newest call, unless it is closed."""
        protocol = self.upstream.calls[-1].protocol
        if protocol.transport is not None and not protocol.transport.is_closing():
            protocol.data_received(data)
        if not self.upstream.calls[-1].keeps_parser:
            protocol.drop_parser()

    def view(self, framing: str, *, reads: bool = True) -> None:
        """Add a viewer from the beginning of the log."""
        client = Client(framing if framing != "chat" else "", _frame_maker(framing), reads=reads)
        viewer = Viewer(self.services, client, lambda: None, close_at_end=True)
        viewer.attach(self.generation, 0)
        self.viewers.append((viewer, client))
        viewer.begin()

    def outcome(self) -> object:
        """Return all that must not depend on the path."""
        generation, counter = self.generation, self.generation.counter
        counts = (counter.chunks, counter.chars, counter.size, counter.text_bytes, counter.verbatim_bytes)
        attempts = [
            (attempt.text_bytes, attempt.ended, attempt.finish_reason, attempt.usage, attempt.times.first_content)
            for attempt in generation.attempts
        ]
        clients = [(client.written, viewer.sent_bytes, viewer.is_behind) for viewer, client in self.viewers]
        entries = [entry._replace(other=None) for entry in generation.log.entries if entry.kind.type != "accepted"]
        times = [(h.counts, h.total) for h in (self.times.gaps, self.times.delays)]
        end = None if generation.end is None else generation.end.type
        return (
            *(generation.state, end, generation.usage(), counts, attempts, clients, entries, times),
            *(self.clock.due_times(), self.target.failed, self.target.running, len(self.upstream.calls)),
        )


def _frame_maker(framing: str) -> Callable[[str, Entry], bytes]:
    if framing == "sse":
        return EventStream().frame
    if framing == "chat":
        dialect = OpenAIChatDialect()
        start = dialect.parse(Call({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}))
        return ProjectedFraming(dialect, dialect.projection(start, ResponseIdentity("id", "m", 0))).frame
    return lambda _generation_id, entry: text_frame(b"%d %b" % (entry.last, entry.data))


@asynccontextmanager
async def token_path(
    *,
    fast: bool,
    keeps_parser: bool = True,
    verbatim: bool = False,
    limits: Limits = LIMITS,
    wire_format: WireFormat | None = None,
    output_limit: int = DEFAULT_OUTPUT_BYTES,
    budget_usd: float = 0.0,
) -> AsyncIterator[TokenPath]:
    """Yield a generation whose call is open. A byte of its text costs 1 dollar if there is a budget.

    Unless it `keeps_parser`, the parser is dropped after each read, if that is possible.
    """
    clock, times = ManualClock(), _Times()
    upstream = SocketUpstream(
        wire_format or OpenAIChatFormat(), fast=fast, verbatim=verbatim, keeps_parser=keeps_parser
    )
    target = Target(upstream, limits=limits, price=Price(0, 0, 4e6) if budget_usd else None)
    policy = Policy(limits, Backoff(2, retry_base=1, retry_longest=8, retry_within=60), random=lambda: 1.0)
    retention_policy = RetentionPolicy(max_output_bytes=output_limit)
    hub = Hub(
        ModelRegistry([Model("m", [target], policy)]),
        Slots(0, 0),
        clock,
        retention_policy=retention_policy,
        budgets=Budgets(budget_usd),
        new_id=lambda prefix: f"{prefix}_1",
    )
    hub.observers.add(times)
    services = Services(hub, Generations(hub), clock)
    generation = hub.start(start_request(), request_id="r", principal=ANONYMOUS)
    await settle()
    path = TokenPath(services, clock, upstream, target, times, generation)
    yield path
    for viewer, _ in path.viewers:
        viewer.close()
    await hub.close()
