"""Build the response that is not streamed from a whole log, in any dialect. Pure."""

from collections.abc import Iterable

from gateway.dialects.base import DialectStart, ModelApiDialect, ProjectedEvent, ResponseIdentity
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Revision


def document_of(
    dialect: ModelApiDialect, start: DialectStart, identity: ResponseIdentity, entries: Iterable[Entry]
) -> JsonObject:
    """Return the response. What was given up for another provider's answer has no part in it: no client has seen it."""
    projection = dialect.projection(start, identity)
    events: list[ProjectedEvent] = []
    for entry in entries:
        if is_failover(entry):
            projection, events = dialect.projection(start, identity), []
        else:
            events += projection.project(entry)
    return dialect.document(start, events)


def is_failover(entry: Entry) -> bool:
    """Return True if the answer begins again with the next entry."""
    return isinstance(entry.other, Revision) and entry.other.reason == "failover"
