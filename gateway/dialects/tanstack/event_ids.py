"""Ids of events, by which a client comes back: the generation, and how many of its events the client has. Pure.

They do not name the run: a client may give two of its runs one id, and drops events whose id it has seen.
"""

import re
from typing import Final, NamedTuple

from gateway.protocol.errors import Refused, invalid

FROM_THE_START: Final = "-1"
"""What a client sends in place of an id that joins a run (`joinRun` of @tanstack/ai-client)."""

_ID: Final = re.compile(r"([\w-]{1,64})\.([0-9]{1,9})", re.ASCII)


class EventPosition(NamedTuple):
    """A generation, and the number of its events that a client has."""

    generation_id: str
    seen: int


def format_event_id(generation_id: str, number: int) -> str:
    """Return the id of an event with a number, from 0 on."""
    return f"{generation_id}.{number + 1}"


def parse_event_id(event_id: str, param: str) -> EventPosition:
    """Return where the client is that has the event with this id.

    Raises:
        Refused: it is none of ours; `param` names where it stood.
    """
    match = _ID.fullmatch(event_id)
    if match is None:
        raise unknown_event_id(param)
    return EventPosition(match[1], int(match[2]))


def unknown_event_id(param: str) -> Refused:
    """Build the refusal of an id that no event has."""
    message = f"{param}: must be the id of an event, or {FROM_THE_START} for the beginning of the run in runId."
    return invalid(message, param=param)
