"""The id of the trace that a generation belongs to. Pure."""

import hashlib
import re
from typing import Final

from gateway.generation.source import StartSource

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
"""W3C Trace Context, "traceparent Header": version, trace, parent, flags."""


def trace_id_of(generation_id: str) -> int:
    """Return the id of the trace of a generation that was started without one: 128 bits that look random.

    A gateway that continues a generation finds the same id by itself. It does not reveal that of the generation.
    """
    return int.from_bytes(hashlib.blake2b(generation_id.encode(errors="surrogatepass"), digest_size=16).digest()) or 1


def client_trace_id(source: StartSource) -> str | None:
    """Return the id of the trace that a client has sent, in hexadecimal; None if it has sent none that is valid."""
    if not source.traceparent:
        return None
    match = _TRACEPARENT.fullmatch(source.traceparent)
    return None if match is None else match[1]
