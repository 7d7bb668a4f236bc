"""The types of the events in a log."""

from gateway.generation.event_log import EventLog


def event_types(log: EventLog) -> list[str]:
    """Return the types of a log's events; adjacent chunks count as one."""
    found: list[str] = []
    for entry in log.since(0):
        if not (found and entry.event.type == found[-1] == "chunk"):
            found.append(entry.event.type)
    return found
