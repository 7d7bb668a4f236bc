"""Any log is a message that the SDKs can read, however its entries are joined."""

from collections.abc import Sequence

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.anthropic.document import document
from gateway.dialects.base import ProjectedEvent
from gateway.generation.event_log import EventLog
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import (
    Chunk,
    Event,
    Part,
    Reasoning,
    Revision,
    SignedReasoning,
    Start,
    TextBatch,
    ToolCall,
)
from tests.gateway.dialects.anthropic.projected import STARTED, complete, failed, interrupted, projection_of

pieces = st.text(min_size=1, max_size=3)
calls = st.integers(0, 2)
contents: st.SearchStrategy[Event | TextBatch] = st.one_of(
    st.builds(Chunk, pieces),
    st.builds(Reasoning, pieces),
    st.builds(lambda texts: TextBatch.of(Chunk, texts), st.lists(pieces, min_size=1, max_size=3)),
    st.builds(SignedReasoning, st.just(""), st.just("c2ln"), st.sampled_from(["anthropic", "gemini"])),
    st.builds(ToolCall, calls, st.just("call"), st.just("f"), st.sampled_from(["", "{}", '{"a":'])),
    st.builds(ToolCall, calls, st.none(), st.none(), st.sampled_from(['"x"}', "1", "{}"])),
    st.sampled_from(
        [
            Part("citation", {"url": "https://a.example", "title": None, "text": "a"}),
            Part("redacted_reasoning", {"data": "x", "format": "anthropic"}),
            Part("image", {"media_type": "image/png", "data": "AAAA"}),
            Part("logprobs", {"tokens": []}),
            Part("refusal", {}),
            Part("server_tool", {"name": "w", "block": {"type": "server_tool_use", "id": "s", "input": {"q": 1}}}),
        ]
    ),
    st.just(Revision(2, "f", 1.0)),
    st.just(Start("up", "m", 2, 2)),
)
ends = st.sampled_from([complete(), complete("tool_calls"), interrupted(), failed("server_error"), failed("truncated")])


def projected(events: Sequence[Event | TextBatch], end: Event, *, joined: bool) -> list[ProjectedEvent]:
    """Return the events of a log, whose entries are joined where they can be, or not."""
    log, projection = EventLog("g_abc", max_entries=10**6), projection_of()
    for event in (STARTED, *events):
        log.add(event)
    log.append(end)
    if joined:
        log.compact()
    return [projected for entry in log.since(0) for projected in projection.project(entry)]


def check(payloads: Sequence[JsonObject]) -> None:
    """Check that events come in the order that the API has."""
    open_blocks: dict[object, object] = {}
    count = 0
    for at, payload in enumerate(payloads):
        kind, index = payload["type"], payload.get("index")
        assert (at == 0) == (kind == "message_start")
        if kind == "content_block_start":
            assert index == count
            count += 1
            open_blocks[index] = payload["content_block"]["type"]  # type: ignore[index, call-overload]
        elif kind == "content_block_delta":
            assert index in open_blocks
        elif kind == "content_block_stop":
            del open_blocks[index]
    # What is left open is a call that was not completed.
    assert set(open_blocks.values()) <= {"tool_use", "server_tool_use"} or payloads[-1]["type"] != "message_stop"


@given(st.lists(contents, min_size=1, max_size=12), ends)
def test_any_log_is_a_message(events: list[Event | TextBatch], end: Event) -> None:
    single = projected(events, end, joined=False)
    payloads: list[JsonObject] = [orjson.loads(event.data) for event in single]
    if payloads and payloads[0]["type"] == "message_start":
        check(payloads)
    else:
        assert end.type == "error"
    assert document(projected(events, end, joined=True)) == document(single)
