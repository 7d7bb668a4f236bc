"""The events of a provider, passed on as they came."""

import orjson
import pytest

from gateway.dialects.anthropic.document import document
from gateway.dialects.anthropic.verbatim import VerbatimEvents
from gateway.dialects.anthropic.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from gateway.protocol.commands import JsonObject
from tests.gateway.dialects.anthropic.projected import IDENTITY

END = b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}'
STOP = b'{"type":"content_block_stop","index":0}'


def passed(*lines: bytes) -> tuple[list[bytes], VerbatimEvents]:
    """Return the data that was passed on at once, and what passed it on."""
    writer, out = EventWriter(IDENTITY), list[ProjectedEvent]()
    writer.note_start()
    verbatim = VerbatimEvents(writer)
    for line in lines:
        verbatim.add(line, out)
    return [event.data for event in out], verbatim


@pytest.mark.parametrize("line", [b"[DONE]", b"{}", b'{"error":{"message":"no"}}', b"[1]", b'{"type":1}'])
def test_what_is_no_event_of_this_api_is_left_out(line: bytes) -> None:
    assert passed(line)[0] == []


def test_the_end_is_held_back() -> None:
    data, verbatim = passed(STOP, END, b'{"type":"ping"}')
    assert data == [STOP]
    assert verbatim.has_end
    assert [event.name for event in verbatim.end()] == [b"message_delta", b"ping", b"message_stop"]


def test_an_end_that_was_none_is_passed_on_before_what_follows() -> None:
    data, verbatim = passed(END, STOP)
    assert data == [END, STOP]
    assert not verbatim.has_end


def test_a_delta_without_a_reason_is_not_the_end() -> None:
    line = b'{"type":"message_delta","delta":{"container":null}}'
    assert passed(line)[0] == [line]


def test_blocks_that_the_provider_did_not_close_are_closed() -> None:
    _, verbatim = passed(b'{"type":"content_block_start","index":0,"content_block":{"type":"text"}}', END)
    assert verbatim.end()[0].data == STOP


@pytest.mark.parametrize("kind", [r"a\n\ndata: {}", r"\ud800", "", " ", "\u2028"])
def test_a_type_that_can_not_stand_in_a_line_is_left_out(kind: str) -> None:
    assert passed(f'{{"type":"{kind}"}}'.encode())[0] == []


def test_a_message_and_a_block_that_the_provider_did_not_begin_are_begun() -> None:
    verbatim, out = VerbatimEvents(EventWriter(IDENTITY)), list[ProjectedEvent]()
    piece = b'{"type":"content_block_delta","index":"2","delta":{"type":"text_delta","text":"a"}}'
    verbatim.add(piece, out)
    verbatim.add(piece, out)
    verbatim.add(b'{"type":"message_start","message":{}}', out)
    verbatim.add(END, out)
    names = [event.name.decode().removeprefix("content_") for event in [*out, *verbatim.end()]]
    assert names == [
        "message_start",
        "block_start",
        *["block_delta"] * 2,
        "block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_whole_message_has_one_end() -> None:
    stop = b'{"type":"message_stop","amazon-bedrock-invocationMetrics":{}}'
    _, verbatim = passed(END, b'{"type":"error"}', stop, b'{"type":"message_stop"}')
    assert [event.data for event in verbatim.end()] == [END, stop]


def test_a_whole_message_is_passed_on_as_events() -> None:
    verbatim, out = VerbatimEvents(EventWriter(IDENTITY)), list[ProjectedEvent]()
    blocks: list[JsonObject] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "One", "citations": None},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "new", "b": 2},
    ]
    message = {
        "type": "message",
        "id": "m",
        "content": blocks,
        "stop_reason": "tool_use",
        "usage": {"output_tokens": 3},
    }
    verbatim.add(orjson.dumps(message), out)
    sent = [*out, *verbatim.end()]
    assert document(sent) == {**message, "stop_sequence": None}
    assert sum(event.name == b"content_block_delta" for event in sent) == 3
