"""A receiver of OTLP over HTTP for traces, as a collector is one: a real server that decodes protocol buffers."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SECONDS = 20.0


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, object]
    events: Sequence[str]
    is_error: bool
    resource: Mapping[str, object]


@dataclass
class Receiver:
    """What was received so far."""

    url: str = ""
    status: int = 200
    spans: list[ReceivedSpan] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, count: int) -> Sequence[ReceivedSpan]:
        """Wait until so many spans have come; return all."""
        async with asyncio.timeout(SECONDS):
            while len(self.spans) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.spans

    def named(self, beginning: str) -> list[ReceivedSpan]:
        """Return the spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(beginning)]

    async def on_traces(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.status != 200:
            return web.Response(status=self.status)
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(group.resource.attributes)
            self.spans += [_received(span, resource) for scope in group.scope_spans for span in scope.spans]
        self._changed.set()
        content = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=content, content_type="application/x-protobuf")


@asynccontextmanager
async def otlp_receiver() -> AsyncIterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", receiver.on_traces)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def _received(span: Span, resource: Mapping[str, object]) -> ReceivedSpan:
    return ReceivedSpan(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _values(span.attributes),
        [event.name for event in span.events],
        span.status.code == 2,
        resource,
    )


def _values(pairs: Sequence[KeyValue]) -> Mapping[str, object]:
    return {pair.key: _value(pair) for pair in pairs}


def _value(pair: KeyValue) -> object:
    kind = pair.value.WhichOneof("value")
    value: object = None if kind is None else getattr(pair.value, kind)
    return [element.string_value for element in pair.value.array_value.values] if kind == "array_value" else value
