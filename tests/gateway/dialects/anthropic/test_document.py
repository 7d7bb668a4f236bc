"""A message that is not streamed."""

import orjson

from gateway.dialects.anthropic.document import document
from gateway.dialects.base import ProjectedEvent
from gateway.protocol.commands import JsonObject


def block_of(block: JsonObject, *deltas: JsonObject) -> object:
    """Return a block with the deltas that continue it."""
    continued: list[JsonObject] = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    payloads: list[JsonObject] = [
        {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *continued,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {}, "usage": {"input_tokens": None, "output_tokens": 9}},
    ]
    message = document(ProjectedEvent(orjson.dumps(payload)) for payload in payloads)
    assert message["usage"] == {"input_tokens": 3, "output_tokens": 9}
    content = message["content"]
    assert isinstance(content, list)
    return content[0]


def test_citations() -> None:
    citation: JsonObject = {"type": "char_location", "cited_text": "a"}
    text = {"type": "text_delta", "text": "a"}
    assert block_of({"type": "text", "text": ""}, {**text}, {"type": "citations_delta", "citation": citation}) == {
        "type": "text",
        "text": "a",
        "citations": [citation],
    }


def test_an_input_that_is_not_complete() -> None:
    tool: JsonObject = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    pieces: list[JsonObject] = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"a"', ":1}")]
    assert block_of(tool, *pieces) == {**tool, "input": {"a": 1}}
    assert block_of(tool, *pieces[:2]) == {**tool, "input": {"invalid_json": '{"a"'}}
    assert block_of(tool, pieces[0]) == tool


def test_deltas_that_are_not_known() -> None:
    new: JsonObject = {"type": "compaction", "content": None}
    deltas: list[JsonObject] = [{"type": "compaction_delta", "content": piece, "n": 1} for piece in ("a", "b")]
    assert block_of(new, *deltas) == {"type": "compaction", "content": "ab", "n": 1}


def test_content_in_the_start_of_a_message() -> None:
    start = {"type": "message_start", "message": {"content": [{"type": "text", "text": "all"}]}}
    assert document([ProjectedEvent(orjson.dumps(start))])["content"] == [{"type": "text", "text": "all"}]


def test_blocks_with_one_index_or_none_follow_each_other() -> None:
    thinking: JsonObject = {"type": "thinking", "thinking": ""}
    payloads: list[JsonObject] = [
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": thinking},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes"}},
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "!"}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "?"}},
    ]
    assert document(ProjectedEvent(orjson.dumps(payload)) for payload in payloads)["content"] == [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "Yes"},
        {"type": "text", "text": "!"},
    ]


def test_a_call_that_was_abandoned_is_left_out() -> None:
    payloads: list[JsonObject] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "f", "input": {}}},
        {"type": "message_stop"},
    ]
    message = document(ProjectedEvent(orjson.dumps(payload)) for payload in payloads)
    assert message["content"] == [{"type": "text", "text": "a"}]


def test_fields_of_a_wrong_type() -> None:
    payloads: list[JsonObject] = [
        {"type": "message_start", "message": 5},
        {"type": "content_block_start", "index": {}, "content_block": []},
        {"type": "content_block_delta", "index": "0", "delta": 1.5},
        {"type": "content_block_stop", "index": None},
        {"type": "message_delta", "delta": [], "usage": "x"},
    ]
    message = document(ProjectedEvent(orjson.dumps(payload)) for payload in payloads)
    assert message == {"usage": {}, "content": [{}]}
