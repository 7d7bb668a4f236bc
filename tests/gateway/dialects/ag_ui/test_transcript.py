"""The messages that the events of a run make."""

from gateway.dialects.ag_ui.transcript import Transcript, transcript_of
from gateway.protocol.events import Chunk, Reasoning, SignedReasoning, ToolCall
from tests.gateway.dialects.ag_ui.runs import COMPLETE, REVISION, log_of, projection_of


def transcript(*events: object) -> Transcript:
    return transcript_of(projection_of(), log_of(events).since(0))


def test_messages() -> None:
    reasoning, answer = transcript(
        *(Reasoning("H"), SignedReasoning("m.", "s", "anthropic"), Chunk("Xin "), Chunk("chào")),
        *(
            ToolCall(0, "c", "look", '{"a":'),
            ToolCall(0, None, None, "1}"),
            ToolCall(1, "d", "go", "{}", "s"),
            COMPLETE,
        ),
    ).messages
    assert (reasoning["role"], reasoning["content"]) == ("reasoning", "Hm.")
    assert str(reasoning["encryptedValue"]).startswith("ds1.")
    assert (answer["role"], answer["content"], answer["id"]) == ("assistant", "Xin chào", "msg_g_1_1")
    calls = answer["toolCalls"]
    assert isinstance(calls, list)
    first, second = calls
    assert first == {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
    assert isinstance(second, dict)
    assert "encryptedValue" in second


def test_a_call_alone_makes_a_message_without_content() -> None:
    (answer,) = transcript(ToolCall(0, "c", "look", "{}"), COMPLETE).messages
    assert "content" not in answer


def test_a_text_that_was_taken_back_is_gone() -> None:
    assert [message["content"] for message in transcript(Chunk("a"), REVISION, Chunk("b")).messages] == ["b"]


def test_what_is_open() -> None:
    assert transcript(Chunk("a"), COMPLETE).open == {}
    open_text = transcript(Chunk("a")).open.values()
    assert [event["type"] for event in open_text] == ["TEXT_MESSAGE_START"]
    open_reasoning = transcript(Reasoning("a")).open.values()
    assert [event["type"] for event in open_reasoning] == ["REASONING_START", "REASONING_MESSAGE_START"]
