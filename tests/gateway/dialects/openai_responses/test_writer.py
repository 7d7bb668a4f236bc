"""The numbers of events."""

import orjson

from gateway.dialects.openai_responses.writer import EventWriter


def test_events_are_numbered_over_all_entries() -> None:
    writer = EventWriter()
    writer.add("response.x", {"a": 1})
    first = writer.take()
    writer.add_response("response.y", b'{"id":"r"}')
    assert [orjson.loads(event.data) for event in (*first, *writer.take())] == [
        {"type": "response.x", "sequence_number": 0, "a": 1},
        {"type": "response.y", "sequence_number": 1, "response": {"id": "r"}},
    ]
    assert writer.take() == []
