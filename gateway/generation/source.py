"""By what a generation was started. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StartSource:
    """The transport and the dialect of a start, and the trace that it belongs to.

    `transport` is `http` for a request whose response is no stream of events. `dialect` is `native` for our own
    protocol. `traceparent` and `tracestate` are the headers of the request (W3C Trace Context), "" without them.
    """

    transport: str = ""
    dialect: str = "native"
    traceparent: str = ""
    tracestate: str = ""


UNKNOWN_SOURCE: Final = StartSource()
"""The source of a generation that a gateway of an earlier version has started."""
