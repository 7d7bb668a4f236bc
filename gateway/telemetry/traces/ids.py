"""Ids of traces, so that all gateways of a deployment write the spans of one generation into one trace."""

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from gateway.telemetry.trace_id import trace_id_of


class GenerationIds(RandomIdGenerator):
    """Generates the id of a trace from that of its generation, where the client has sent none."""

    def __init__(self) -> None:
        self.generation_id = ""
        """The generation whose span is being started."""

    def generate_trace_id(self) -> int:
        """Return the id of the trace of the generation; a random one without it."""
        return trace_id_of(self.generation_id) if self.generation_id else super().generate_trace_id()
