"""Turns, and the messages of a conversation."""

from gateway.cli.chat.messages import status_line
from gateway.cli.chat.turn import Conversation
from gateway.client import RetryNotice
from gateway.protocol.events import (
    Chunk,
    Feedback,
    Gap,
    Reasoning,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
)
from tests.gateway.cli.chat.turns import ACCEPTED, COMPLETE, STOPPED, turn_of


def test_a_turn_records_content_and_times() -> None:
    turn = turn_of(ACCEPTED, Start("p", "m", 1, 1), Reasoning("hm"), Chunk("Be"), Chunk("cause"), COMPLETE)
    assert (turn.text, turn.chars, turn.first_at, turn.last_at, turn.ended_at) == ("Because", 9, 3.0, 5.0, 6.0)
    assert (turn.model, turn.state, turn.running) == ("sim", "complete", False)


def test_a_gap_is_the_complete_text() -> None:
    assert turn_of(ACCEPTED, Chunk("a"), Gap(2, 9, "abc"), Chunk("d")).text == "abcd"


def test_a_retry_notice_ends_with_the_next_event() -> None:
    turn = turn_of(ACCEPTED, Chunk("a"))
    turn.retry_notice = RetryNotice("cut", 1, 10, 0.5)
    turn.receive(Chunk("b"), 4.0)
    turn.receive(Chunk("c"), 4.0)
    assert turn.resumed == 1
    assert "trying again" not in status_line("sse", None, turn, 5.0)


def test_a_stopped_answer_stays_in_the_conversation() -> None:
    conversation = Conversation("Be brief.")
    first, _ = conversation.ask("One?", 0.0)
    for event in (ACCEPTED, Chunk("Part of"), STOPPED):
        first.receive(event, 1.0)
    second, _ = conversation.ask("Two?", 2.0)
    second.fail("unreachable", 3.0)
    assert conversation.ask("Three?", 4.0)[1] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Part of"},
        {"role": "user", "content": "Three?"},
    ]


def test_feedback_is_part_of_the_conversation() -> None:
    feedback, revision = Feedback("f_1", "revise", "shorter", None), Revision(2, "f_1", 0.1)
    turn = turn_of(ACCEPTED, Chunk("long"), feedback, revision, Chunk("short"), COMPLETE)
    assert turn.messages() == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "long"},
        {"role": "user", "content": "shorter"},
        {"role": "assistant", "content": "short"},
    ]


def test_signatures_are_given_back_and_calls_without_results_are_not() -> None:
    turn = turn_of(
        ACCEPTED, Reasoning("hm"), SignedReasoning("", "S", "anthropic"), Chunk("Well."), ToolCall(0, "c", "now", "{}")
    )
    details = [{"type": "reasoning.text", "text": "hm", "signature": "S", "format": "anthropic"}]
    assert turn.messages()[1] == {"role": "assistant", "content": "Well.", "reasoning_details": details}


def test_feedback_before_any_text_joins_the_question() -> None:
    feedback, revision = Feedback("f_1", "revise", "shorter", None), Revision(2, "f_1", 0.1)
    assert turn_of(ACCEPTED, feedback, revision, Chunk("short")).messages() == [
        {"role": "user", "content": "Why?\n\nshorter"},
        {"role": "assistant", "content": "short"},
    ]
