"""Ids of traces, so that all gateways of a deployment write the spans of one generation into one trace."""

import hashlib

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class GenerationIds(RandomIdGenerator):
    """Generates the id of a trace from that of its generation, where the client has sent none.

    A gateway that continues a generation finds the same id by itself. It does not reveal that of the
    generation, which the provider need not know.
    """

    def __init__(self) -> None:
        self.generation_id = ""
        """The generation whose span is being started."""

    def generate_trace_id(self) -> int:
        """Return the id of the trace of the generation; a random one without it."""
        return trace_id_of(self.generation_id) if self.generation_id else super().generate_trace_id()


def trace_id_of(generation_id: str) -> int:
    """Return the id of the trace of a generation that was started without one: 128 bits that look random."""
    return int.from_bytes(hashlib.blake2b(generation_id.encode(errors="surrogatepass"), digest_size=16).digest()) or 1
