"""Run the bytes of a provider through the whole path, up to the entries that one reader of the log gets.

Nothing stands in for the code under test: the response is read as in production, and a `Pipeline` runs the generation.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admission.slots import Slots
from gateway.dialects.base import DialectStart
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.generation.generation import Generation
from gateway.pipeline.pipeline import Pipeline
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Accepted
from gateway.routing.backoff import Backoff
from gateway.routing.model import Model, Policy
from gateway.routing.target import Target
from gateway.upstreams.base import MAX_EVENT_BYTES, UpstreamRequest, UpstreamResponse
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.response import StreamedResponse
from tests.gateway.upstreams.raw_server import KEY
from tests.gateway.upstreams.replay import FakeBody, split_at
from tests.manual_clock import ManualClock
from tests.start_requests import ANONYMOUS

GENERATION_ID = "g_AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class ReadPlan:
    """How the provider's bytes come, and how the log is read.

    `cuts`: where the bytes are cut into reads. `max_entries`: entries after which the log joins text. `plan` says for
    each append, over and over, whether the reader reads at once; if not, it is late. `joined`: what it finds then is
    joined for it, as for a viewer that is behind. `compacted`: the log is, before the rest is read.
    """

    cuts: tuple[int, ...] = ()
    max_entries: int = 512
    plan: tuple[bool, ...] = (True,)
    joined: bool = False
    compacted: bool = False


@dataclass
class RecordedUpstream:
    """An upstream that answers each request with the same bytes; `requests` are those that it got."""

    wire_format: WireFormat
    streams: Sequence[bytes]
    cuts: Sequence[int] = ()
    name: str = "recorded"

    def __post_init__(self) -> None:
        self.requests: list[UpstreamRequest] = []

    def can_continue(self, _request: UpstreamRequest) -> bool:
        return False

    async def open(self, request: UpstreamRequest) -> UpstreamResponse:
        stream = self.streams[min(len(self.requests), len(self.streams) - 1)]
        self.requests.append(request)
        body = FakeBody([*split_at(stream, self.cuts)])
        return StreamedResponse(
            request.model,
            body.connection,
            body,  # type: ignore[arg-type]
            self.wire_format.reader(KEY),
            MAX_EVENT_BYTES,
            verbatim=request.verbatim_for(self.wire_format.api) is not None,
        )

    async def close(self) -> None:
        pass


class LogReader:
    """Reads a log as a viewer does, now or late."""

    def __init__(self, log: EventLog, read_plan: ReadPlan) -> None:
        self.entries: list[Entry] = []
        self._log, self._plan, self._appends, self._seq = log, read_plan, 0, 0
        log.subscribe(self._on_append)

    def _on_append(self) -> None:
        plan = self._plan.plan
        self._appends += 1
        if plan[self._appends % len(plan)]:
            self.read()

    def read(self) -> None:
        """Read all that is new."""
        entries = self._log.since(self._seq)
        self.entries += merge(entries, with_ends=True) if self._plan.joined else entries
        self._seq = self._log.last

    def finish(self) -> Sequence[Entry]:
        """Read the rest; return all that was read."""
        if self._plan.compacted:
            self._log.compact()
        self.read()
        return self.entries


def _model(upstream: RecordedUpstream) -> Model:
    return Model("m", [Target(upstream)], Policy(backoff=Backoff(1, retry_base=1, retry_longest=8, retry_within=60)))


async def record(
    wire_format: WireFormat, stream: bytes, start: DialectStart, read_plan: ReadPlan | None = None
) -> Sequence[Entry]:
    """Return the entries of a generation whose provider sends these bytes."""
    read_plan = read_plan or ReadPlan()
    upstream, clock = RecordedUpstream(wire_format, [stream], read_plan.cuts), ManualClock()
    model = _model(upstream)
    generation = Generation(
        GENERATION_ID, start.request, "r", "m", clock.now(), verbatim=start.verbatim, created=1_700_000_000
    )
    generation.log = EventLog(generation.id, max_entries=read_plan.max_entries)
    reader = LogReader(generation.log, read_plan)
    generation.log.append(Accepted(generation.id, "r", "m"))
    await asyncio.wait_for(Pipeline(generation, model, Slots(0, 0), clock, ANONYMOUS).run(), 60)
    return reader.finish()


async def sent_body(wire_format: WireFormat, start: DialectStart) -> JsonObject:
    """Return the body that a provider of this wire format is sent for a start."""
    upstream, clock = RecordedUpstream(wire_format, [b""]), ManualClock()
    generation = Generation(GENERATION_ID, start.request, "r", "m", clock.now(), verbatim=start.verbatim)
    await asyncio.wait_for(Pipeline(generation, _model(upstream), Slots(0, 0), clock, ANONYMOUS).run(), 60)
    return wire_format.body(upstream.requests[0])
