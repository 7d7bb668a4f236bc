"""What the log of a generation and its attempts show."""

from gateway.generation.generation import Generation
from gateway.protocol.events import Event, Retry, Start, Verbatim


def events(generation: Generation) -> list[Event]:
    """Return all events of the log."""
    return [entry.event for entry in generation.log.since(0) if entry.kind is not Verbatim]


def terminal_event(generation: Generation) -> Event:
    """Return the last event of a log that has ended."""
    assert generation.log.ended
    return events(generation)[-1]


def starts(generation: Generation) -> list[tuple[str, int, int]]:
    """Return provider, attempt and revision of each start."""
    return [(e.provider, e.attempt, e.revision) for e in events(generation) if isinstance(e, Start)]


def retries(generation: Generation) -> list[tuple[int, str, str, int]]:
    """Return attempt, provider, code and delay in ms of each retry."""
    return [(e.attempt, e.provider, e.code, e.delay_ms) for e in events(generation) if isinstance(e, Retry)]


def outcomes(generation: Generation) -> list[str | None]:
    """Return how each attempt ended."""
    return [attempt.ended for attempt in generation.attempts]
