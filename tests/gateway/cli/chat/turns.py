"""Events, and turns made of them."""

from gateway.cli.chat.turn import Turn
from gateway.protocol.events import (
    Accepted,
    Complete,
    Error,
    Event,
    Interrupted,
    Metrics,
    Usage,
)

METRICS = Metrics("r_1", 1.0, 2.0, 0.0, 2, 10, 12, None, 1, 1)
ACCEPTED = Accepted("g_1", "r_1", "sim")
COMPLETE = Complete("stop", Usage(12, 345, "exact"), None, METRICS)
STOPPED = Interrupted("client", None, 0.84, Usage(12, None, "estimated"), None, METRICS)
BROKEN = Error("stalled", "Nothing\ncame.", True, 1500, True, None, None, None)


def turn_of(*events: Event, question: str = "Why?") -> Turn:
    """Build a turn asked at second 0, with one event at each second from 1 on."""
    turn = Turn(question, 0.0)
    for at, event in enumerate(events, 1):
        turn.receive(event, float(at))
    return turn
