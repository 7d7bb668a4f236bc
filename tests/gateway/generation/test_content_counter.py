"""The size limit of a generation, and the counts of its content."""

import pytest

from gateway.protocol.errors import Failed
from gateway.protocol.events import (
    Chunk,
    Content,
    Error,
    Part,
    Reasoning,
    SignedReasoning,
    TextBatch,
    ToolCall,
)
from tests.gateway.generation.generations import last_event, streaming


def test_the_size_is_limited_and_what_fits_is_kept() -> None:
    generation = streaming(output_limit=12)
    with pytest.raises(Failed, match="longer than 12 bytes") as failed:
        generation.append_content([Chunk("..."), Chunk("four"), Chunk("x")], 103.0)
    generation.on_failed(failed.value, 103.0)
    end = last_event(generation)
    assert isinstance(end, Error)
    assert (end.code, end.partial, end.retryable) == ("output_limit", True, False)
    assert generation.log.text() == "Xin chào..."


def test_what_fits_of_a_batch_is_kept() -> None:
    generation = streaming(output_limit=12)
    with pytest.raises(Failed):
        generation.append_content([TextBatch.of(Chunk, [".", "..", "four", "x"])], 103.0)
    assert generation.log.text() == "Xin chào..."
    assert generation.metrics(103.0).chunks == 4


def test_a_batch_counts_as_its_events() -> None:
    at_once, separately = streaming(), streaming()
    pieces = ["an", " ", "đường", "🙂"]
    at_once.append_content([TextBatch.of(Chunk, pieces), TextBatch.of(Reasoning, pieces)], 103.0)
    separately.append_content([*map(Chunk, pieces), *map(Reasoning, pieces)], 103.0)
    assert at_once.metrics(104.0) == separately.metrics(104.0)
    assert at_once.usage() == separately.usage()
    assert (at_once.size, at_once.log.last) == (separately.size, separately.log.last)


def test_tool_calls_without_text_count_too() -> None:
    generation = streaming(output_limit=10_000)
    with pytest.raises(Failed):
        for _ in range(1000):
            generation.append_content([ToolCall(0, "c", "f", "")], 103.0)


def test_a_tool_call_in_small_pieces_counts_as_what_it_is() -> None:
    generation = streaming(output_limit=200_000)
    generation.append_content([ToolCall(0, "c", "write", "")], 103.0)
    for _ in range(31_000):
        generation.append_content([ToolCall(0, None, None, "abcd")], 103.0)
    assert generation.size < 124_000 + 1000


def test_pieces_of_two_tool_calls_in_turn_can_not_be_joined() -> None:
    generation = streaming(output_limit=10_000)
    with pytest.raises(Failed):
        for _ in range(100):
            generation.append_content([ToolCall(0, None, None, "a"), ToolCall(1, None, None, "b")], 103.0)


def test_parts_count_for_what_they_take_besides_their_fields() -> None:
    generation = streaming(output_limit=10_000)
    with pytest.raises(Failed):
        for _ in range(200):
            generation.append_content([Part("citation", {})], 103.0)


def test_text_that_can_not_be_joined_counts_more() -> None:
    generation = streaming(output_limit=10_000)
    with pytest.raises(Failed):
        for _ in range(200):
            generation.append_content([Chunk("a"), Reasoning("b")], 103.0)
    assert generation.log.last < 200


def test_parts_and_signatures_count_towards_the_size_and_not_as_text() -> None:
    generation = streaming(output_limit=10_000)
    before, size = generation.metrics(103.0), generation.size
    for event in (SignedReasoning("", "S" * 100, "anthropic"), Part("image", {"data": "A" * 800})):
        generation.append_content([event], 103.0)
    assert generation.metrics(103.0) == before
    assert generation.size >= size + 900


@pytest.mark.parametrize(
    ("event", "is_only_text"),
    [
        (SignedReasoning("", "S", "anthropic"), True),
        (Part("citation", {"url": "https://example.com"}), True),
        (Part("redacted_reasoning", {"data": "A"}), True),
        (Part("image", {"data": "A"}), False),
        (Part("server_tool", {"name": "web_search"}), False),
        (ToolCall(0, "c", "f", ""), False),
    ],
)
def test_an_upstream_can_continue_a_text_unless_it_would_miss_a_part(event: Content, *, is_only_text: bool) -> None:
    generation = streaming()
    generation.append_content([event, Chunk("x")], 103.0)
    assert generation.is_only_text is is_only_text
