"""The frames of projected events."""

from gateway.dialects.base import ProjectedEvent
from transports.projected_stream import event_frame


def test_an_event_has_its_name_only_where_the_api_has_one() -> None:
    assert event_frame(ProjectedEvent(b'{"a":1}')) == b'data: {"a":1}\n\n'
    assert event_frame(ProjectedEvent(b'{"type":"ping"}', b"ping")) == b'event: ping\ndata: {"type":"ping"}\n\n'
