"""Build what exports spans by OTLP over HTTP, and end it in time.

Everything that OpenTelemetry names a variable for is read from there by its library: the sampler, headers, compression,
certificates, the resource and the size of batches (opentelemetry.io, "Environment Variable Specification").
"""

import asyncio
import threading
from contextlib import suppress
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from yarl import URL

from gateway.clock import Clock, time_limit
from gateway.telemetry.observer import Observer
from gateway.telemetry.traces.exporter import ReportingExporter
from gateway.telemetry.traces.ids import GenerationIds
from gateway.telemetry.traces.observer import TraceObserver

FLUSH_SECONDS: Final = 3.0
"""Maximum time for which the end of the gateway waits for the last spans to be sent."""

SERVICE: Final = "dualstream"
"""Name of the service, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES has another one."""


class Tracing:
    """What traces generations. Call `close` at the end."""

    def __init__(self, url: str, clock: Clock, *, trace_content: bool = False) -> None:
        """`url` gets the spans; it is that of the traces, not the base URL of the collector."""
        shown = str(URL(url).with_user(None).with_query(None))
        self._exporter = ReportingExporter(OTLPSpanExporter(endpoint=url), shown)
        ids = GenerationIds()
        # Its own, not the one of the process: a program that contains this gateway may have another.
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False, id_generator=ids)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        tracer = self._provider.get_tracer(SERVICE, version("dualstream"))
        self.observer: Observer = TraceObserver(tracer, ids, clock, trace_content=trace_content)

    async def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send what waits, for at most so many seconds."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            # If that took too long, the loop may be closed.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

        # No thread of the loop's executor: Python waits for those when it ends.
        threading.Thread(target=shut_down, name="end of the traces", daemon=True).start()
        try:
            async with time_limit(seconds):
                await done.wait()
        except TimeoutError:
            self._exporter.shutdown()


def _resource() -> Resource:
    """Return what describes this process: what the environment says of it comes first."""
    found, name = Resource.create(), "service.name"
    # Without a name of the environment the library takes `unknown_service`, and the name of the program.
    named = not str(found.attributes.get(name, "")).startswith("unknown_service")
    own = Resource({"service.version": version("dualstream"), **({} if named else {name: SERVICE})})
    return own.merge(found) if named else found.merge(own)
