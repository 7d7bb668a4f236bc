"""Blocks, wrapping and scrolling."""

import pytest

from gateway.cli.chat.transcript import Block, Transcript, wrap
from gateway.protocol.events import (
    Chunk,
    Gap,
    Reasoning,
    Revision,
    ToolCall,
)


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("abcdefghij", ["abcdefgh", "ij"]),
        ("one abcdefghij", ["one", "abcdefgh", "ij"]),
        ("12345678 9", ["12345678", "9"]),
        ("日本語日本", ["日本語日", "本"]),
        ("123456❤\ufe0f9", ["123456❤\ufe0f", "9"]),
    ],
)
def test_lines_are_wrapped_between_words(line: str, rows: list[str]) -> None:
    assert wrap(line, 8) == rows


def test_a_block_wraps_the_same_however_its_text_arrived() -> None:
    text = "one two three\n\nfour five 日本語日本\tsix"
    whole, pieces = Block("", text), Block("")
    for piece in text:
        pieces.add(piece)
        assert pieces.rows(8)
    assert pieces.rows(8) == whole.rows(8)
    assert pieces.rows(20) == whole.rows(20) == Block("", text).rows(20)


def _shown(transcript: Transcript, height: int = 20, width: int = 30) -> list[tuple[str, str]]:
    return [row for row in transcript.view(width, height) if row[1]]


def test_an_answer_grows_above_messages_that_came_meanwhile() -> None:
    transcript = Transcript()
    transcript.add_question("Why?")
    transcript.receive(Chunk("Be"))
    transcript.add_message("class:feedback", "> shorter")
    transcript.receive(Chunk("cause"))
    transcript.receive(Revision(2, "f_1", 0.1))
    transcript.receive(Chunk("So."))
    assert _shown(transcript) == [
        ("class:you", "> Why?"),
        ("class:old", "Because"),
        ("class:feedback", "> shorter"),
        ("class:answer", "So."),
    ]


def test_thinking_and_tool_calls_have_their_own_blocks() -> None:
    transcript = Transcript()
    transcript.add_question("Why?")
    for event in (Reasoning("h"), Reasoning("m"), ToolCall(0, "c", "look", "{"), ToolCall(0, None, None, "}")):
        transcript.receive(event)
    transcript.receive(Chunk("Because\x1b[2J"))
    assert _shown(transcript)[1:] == [
        ("class:thinking", "hm"),
        ("class:thinking", "calls look {}"),
        ("class:answer", "Because␛[2J"),
    ]


def test_a_gap_replaces_the_text() -> None:
    transcript = Transcript()
    transcript.receive(Chunk("a"))
    transcript.receive(Gap(1, 9, "whole"))
    transcript.receive(Chunk("!"))
    assert _shown(transcript) == [("class:answer", "whole!")]


def test_the_view_follows_the_end_or_stays_where_it_was_scrolled_to() -> None:
    transcript = Transcript()
    transcript.receive(Chunk("\n".join(map(str, range(10)))))
    assert [row for _, row in transcript.view(10, 3)] == ["8", "9", ""]
    transcript.scroll(4)
    assert [row for _, row in transcript.view(10, 3)] == ["4", "5", "6"]
    transcript.receive(Chunk("\n10\n11"))
    assert [row for _, row in transcript.view(10, 3)] == ["4", "5", "6"]
    transcript.scroll(-100)
    assert [row for _, row in transcript.view(10, 3)] == ["10", "11", ""]
    transcript.scroll(100)
    assert [row for _, row in transcript.view(10, 3)] == ["0", "1", "2"]
