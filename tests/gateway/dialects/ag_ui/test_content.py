"""Content of a log as events of messages."""

from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, TextBatch, ToolCall
from gateway.upstreams.formats.sealed_reasoning import unseal
from tests.gateway.dialects.ag_ui.runs import COMPLETE, events_of, text_of, types_of

REASONED = ["REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT"]
ENDED = ["REASONING_MESSAGE_END", "REASONING_END"]


def types_inside(*events: object) -> list[str]:
    """Return the types between the beginning and the end of a run."""
    return types_of(events_of([*events, COMPLETE]))[1:-1]


def test_reasoning_is_a_message_before_the_text() -> None:
    text = ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]
    assert types_inside(Reasoning("H"), Reasoning("m."), Chunk("Xin")) == [*REASONED, *ENDED, *text]


def test_a_signature_ends_a_span_and_comes_back_whole() -> None:
    events = events_of([Reasoning("Hm"), SignedReasoning(".", "s", "anthropic"), Reasoning("So"), COMPLETE])
    assert types_of(events)[1:-1] == [*REASONED, "REASONING_ENCRYPTED_VALUE", *ENDED, *REASONED, *ENDED]
    (value,) = (event for event in events if event["type"] == "REASONING_ENCRYPTED_VALUE")
    assert (value["subtype"], value["entityId"]) == ("message", "rs_g_1_1")
    assert unseal(str(value["encryptedValue"])) == {"format": "anthropic", "signature": "s"}
    assert text_of(events, "REASONING_MESSAGE_CONTENT") == "Hm.So"


def test_reasoning_that_can_not_be_read_is_a_span_of_its_own() -> None:
    redacted = Part("redacted_reasoning", {"data": "x", "format": "anthropic"})
    opened = ["REASONING_START", "REASONING_MESSAGE_START"]
    assert types_inside(Reasoning("Hm."), redacted) == [
        *REASONED,
        *ENDED,
        *opened,
        "REASONING_ENCRYPTED_VALUE",
        *ENDED,
    ]


def test_what_interrupts_a_text_closes_it_and_it_goes_on_under_its_id() -> None:
    events = events_of([Chunk("a"), ToolCall(0, "c", "look", "{}"), Chunk("b"), COMPLETE])
    assert [event["messageId"] for event in events if event["type"] == "TEXT_MESSAGE_START"] == ["msg_g_1_1"] * 2
    (call,) = (event for event in events if event["type"] == "TOOL_CALL_START")
    assert call["parentMessageId"] == "msg_g_1_1"


def test_a_text_after_reasoning_is_a_message_of_its_own() -> None:
    call = ToolCall(0, "c", "look", "{}")
    events = events_of([Reasoning("H"), Chunk("a"), Reasoning("m"), call, Chunk("b"), COMPLETE])
    begun = [event["messageId"] for event in events if event["type"] == "TEXT_MESSAGE_START"]
    assert begun == ["msg_g_1_1", "msg_g_1_2"]
    (started,) = (event for event in events if event["type"] == "TOOL_CALL_START")
    assert started["parentMessageId"] == "msg_g_1_2"


def test_joined_arguments_of_a_call() -> None:
    deltas = [ToolCall(0, None, None, piece) for piece in ('{"a"', ":", "1}")]
    events = events_of([ToolCall(0, "c", "look", ""), *deltas, COMPLETE])
    assert text_of(events, "TOOL_CALL_ARGS") == '{"a":1}'
    assert events[-1]["outcome"] == {"type": "success", "pendingToolCallIds": ["c"]}


def test_what_is_neither_text_nor_call_is_an_event_of_ours() -> None:
    citation = Part("citation", {"url": "https://a.example/", "title": "A"})
    (custom,) = (event for event in events_of([Chunk("a"), citation, COMPLETE]) if event["type"] == "CUSTOM")
    assert custom["name"] == "dualstream.citation"
    assert custom["value"] == {"url": "https://a.example/", "title": "A"}


def test_empty_text_is_left_out() -> None:
    assert types_inside(Chunk(""), Reasoning(""), TextBatch.of(Chunk, [""])) == []
