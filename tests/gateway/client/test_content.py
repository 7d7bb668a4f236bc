"""The content of an answer, and the message that gives it back."""

from gateway.client import AnswerContent
from gateway.protocol.events import Chunk, Event, Feedback, Gap, Part, Reasoning, Revision, SignedReasoning, ToolCall

REDACTED = Part("redacted_reasoning", {"data": "R", "format": "anthropic"})
IMAGE = Part("image", {"media_type": "image/png", "data": "aGk="})
EVENTS: list[Event] = [
    Reasoning("Look "),
    Reasoning("up."),
    SignedReasoning("", "S1", "anthropic"),
    REDACTED,
    Reasoning("More."),
    Chunk("Wa"),
    Chunk("it."),
    ToolCall(1, "c2", "now", ""),
    ToolCall(0, "c1", "weather", '{"city":'),
    ToolCall(0, None, None, '"Huế"}', "S2"),
    IMAGE,
]


def content_of(*events: Event) -> AnswerContent:
    content = AnswerContent()
    for event in events:
        content.receive(event)
    return content


def test_what_arrives_in_pieces_is_joined() -> None:
    content = content_of(*EVENTS)
    assert (content.text, content.reasoning) == ("Wait.", "Look up.More.")
    assert content.parts == [REDACTED, IMAGE]
    assert content.tool_calls == [
        ToolCall(0, "c1", "weather", '{"city":"Huế"}', "S2"),
        ToolCall(1, "c2", "now", ""),
    ]


def test_the_message_gives_thinking_and_signatures_back() -> None:
    # The same as in tests/static/answer.test.mjs.
    assert content_of(*EVENTS).message() == {
        "role": "assistant",
        "content": "Wait.",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Huế"}'},
                "signature": "S2",
            },
            {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
        "reasoning_details": [
            {"type": "reasoning.text", "text": "Look up.", "signature": "S1", "format": "anthropic"},
            {"type": "reasoning.encrypted", "data": "R", "format": "anthropic"},
            {"type": "reasoning.text", "text": "More."},
        ],
    }


def test_a_plain_answer_is_a_plain_message() -> None:
    assert content_of(Chunk("Hi")).message() == {"role": "assistant", "content": "Hi"}
    assert content_of().message() == {"role": "assistant", "content": ""}
    call = content_of(ToolCall(0, "c1", "now", "{}")).message()
    assert call["content"] is None


def test_a_signature_without_readable_reasoning_is_kept() -> None:
    signed = SignedReasoning("", "S", "anthropic")
    assert (
        content_of(signed, signed).message()["reasoning_details"]
        == [{"type": "reasoning.text", "text": "", "signature": "S", "format": "anthropic"}] * 2
    )


def test_a_revision_replaces_everything_and_a_gap_the_text() -> None:
    revised = content_of(*EVENTS, Revision(2, "f", 0.1), Chunk("New"))
    assert revised.message() == {"role": "assistant", "content": "New"}
    assert revised.parts == []
    assert content_of(Chunk("lost"), Gap(1, 9, "whole "), Chunk("text")).text == "whole text"


def test_feedback_before_any_content_is_a_message_of_its_own() -> None:
    content = content_of(Feedback("f", "revise", "shorter", None), Revision(2, "f", 0.1), Chunk("New"))
    assert content.messages() == [{"role": "user", "content": "shorter"}, {"role": "assistant", "content": "New"}]


def test_a_failover_and_a_note_leave_no_message() -> None:
    noted = Feedback("f", "note", "nice", None)
    content = content_of(Chunk("void"), noted, Revision(2, None, None, "failover"))
    assert content.messages() == []


def test_text_of_many_pieces_is_held_in_few() -> None:
    content = content_of(*map(Chunk, "abc" * 5000))
    assert content.text == "abc" * 5000
    assert len(content._text) < 20
