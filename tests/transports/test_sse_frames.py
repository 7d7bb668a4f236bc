"""Frames of the event stream: no text can begin another event."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.event_log import EventLog
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import (
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Interrupted,
    Metrics,
    Reasoning,
    ToolCall,
    Usage,
)
from gateway.upstreams.base import Finished
from gateway.upstreams.formats.json_values import repair_surrogates
from transports.sse import EventStream

anything = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cc", "Zl", "Zp", "Cs"])),
    st.sampled_from(
        ["\n\nevent: complete\ndata: {}\n\n", "\r\nid: x\r\n", "\u2028data: x", "\x85", "\ud800", "\0", "\ufeff"]
    ),
)


METRICS = Metrics("r", None, 0, 0, 0, 0, 0, None, 1, 1)


USAGE = Usage(None, None, "estimated")


def events_with(text: str, code: str = "x") -> list[Event]:
    """Return events that contain a text in every field that others can choose."""
    return [
        Chunk(text),
        Reasoning(text),
        ToolCall(0, text, text, text),
        Feedback(text, "note", text, None),
        Complete(Finished(text).reason, USAGE, None, METRICS),
        Interrupted("client", text, 0, USAGE, None, METRICS),
        Error(code, text, retryable=False, retry_after_ms=None, partial=False, usage=None, cost_usd=None, metrics=None),
    ]


@given(anything)
def test_no_text_begins_another_event(text: str) -> None:
    for event in events_with(repair_surrogates(text)):
        log = EventLog("g_x")
        log.append(event)
        frame = EventStream().frame("g_x", log.since(0)[0])
        lines = frame.split(b"\n")
        assert lines[-3] == b"id: g_x:1"
        assert lines[-4].startswith(b"data: {")
        assert lines[-2:] == [b"", b""]
        assert len(lines) == (4 if isinstance(event, Chunk) else 5)
        assert b"\r" not in frame
        (found,) = EventStreamDecoder().feed(frame)
        assert orjson.loads(found.data)["type"] == event.type
