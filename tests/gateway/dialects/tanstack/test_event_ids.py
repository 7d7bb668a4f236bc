"""Ids of events, by which a client comes back."""

import pytest

from gateway.dialects.tanstack.event_ids import format_event_id, parse_event_id
from gateway.pipeline.hub import new_id
from gateway.protocol.errors import Refused


def test_an_id_says_how_many_events_a_client_has() -> None:
    generation_id = new_id("g")
    assert parse_event_id(format_event_id(generation_id, 0), "offset") == (generation_id, 1)
    assert parse_event_id(format_event_id(generation_id, 41), "offset") == (generation_id, 42)


@pytest.mark.parametrize("event_id", ["", "g_1", "g_1.", ".5", "g_1.x", "g_1.5.5", "g_1:5", "g_1.\u0665", "-1"])
def test_what_is_no_id(event_id: str) -> None:
    with pytest.raises(Refused, match="offset: must be the id of an event"):
        parse_event_id(event_id, "offset")
