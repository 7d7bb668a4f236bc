"""By what a request starts a generation."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from starlette.requests import HTTPConnection

from gateway.api.context import dialect_of, headers_of
from gateway.generation.source import StartSource
from gateway.protocol.commands import MAX_TRACE_LENGTH

NATIVE: Final = "native"
"""Name of our own protocol among the dialects."""


def start_source(connection: HTTPConnection, transport: str) -> StartSource:
    """Return the source of what a request or socket starts; the path tells the dialect."""
    return source_of(headers_of(connection.scope), transport, dialect_name(connection))


def dialect_name(connection: HTTPConnection) -> str:
    """Return the name of the dialect of a request; `NATIVE` for our own protocol."""
    dialect = dialect_of(connection)
    return NATIVE if dialect is None else dialect.name


def source_of(headers: Mapping[str, str], transport: str, dialect: str) -> StartSource:
    """Return the source of what a request or frame with these headers starts. Their names are in lower case.

    Headers of W3C Trace Context that are too long are ignored.
    """
    traceparent, tracestate = headers.get("traceparent", ""), headers.get("tracestate", "")
    if not traceparent or len(traceparent) > MAX_TRACE_LENGTH:
        return _untraced(transport, dialect)
    return StartSource(transport, dialect, traceparent, tracestate if len(tracestate) <= MAX_TRACE_LENGTH else "")


@cache
def _untraced(transport: str, dialect: str) -> StartSource:
    """Return the source of most starts: there are as many as transports and dialects."""
    return StartSource(transport, dialect)
