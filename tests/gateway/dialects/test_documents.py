"""Responses that are not streamed, in all dialects."""

import orjson
import pytest

from gateway.generation.event_log import EventLog
from gateway.protocol.events import Accepted, Chunk, Complete, Event, Metrics, Revision, Start, Usage
from tests.gateway.dialects.pairs import NAMES, document_of, start_of

USAGE = Usage(3, 2, "exact")
COMPLETE = Complete("stop", USAGE, None, Metrics("r_1", 0.0, 0.0, 0.0, 0, 0, 0, None, 0, 1))


def document(name: str, *events: Event) -> object:
    """Return the document of a log in a dialect."""
    log = EventLog("g_AAAAAAAAAAAAAAAAAAAAAA")
    log.extend(events)
    return orjson.loads(orjson.dumps(document_of(name, start_of(name, stream=False), log.since(0))))


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_a_failover_replaced_has_no_part_in_it(name: str) -> None:
    accepted, started = Accepted("g_1", "r_1", "m"), Start("up", "m", 1, 1)
    replaced = (Chunk("wrong"), Revision(2, None, None, "failover"), Start("other", "m", 2, 2))
    right = (Chunk("right"), COMPLETE)
    assert document(name, accepted, started, *replaced, *right) == document(name, accepted, started, *right)
