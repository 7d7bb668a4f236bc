"""What belongs to one earlier answer."""

from gateway.dialects.ag_ui.earlier_answers import Answer
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.sealed_reasoning import seal, seal_call, seal_redacted

ANSWER: JsonObject = {"id": "2", "role": "assistant", "content": "Hi."}


def reasoned(*spans: JsonObject) -> JsonObject:
    answer = Answer()
    for span in spans:
        answer.add_reasoning(span, "p")
    answer.add_message(ANSWER, "p")
    (message,) = answer.take()
    return message


def test_reasoning_that_can_not_be_read() -> None:
    value = seal_redacted({"format": "anthropic", "data": "x"})
    assert reasoned({"content": "", "encryptedValue": value})["reasoning_details"] == [
        {"type": "reasoning.encrypted", "format": "anthropic", "data": "x"}
    ]


def test_reasoning_without_a_signature() -> None:
    assert reasoned({"content": "a"}, {"content": "b"})["reasoning_content"] == "ab"


def test_what_another_server_encrypted_is_plain_reasoning() -> None:
    assert reasoned({"content": "a", "encryptedValue": "gAAAAx"})["reasoning_content"] == "a"


def test_a_damaged_value_is_left_out() -> None:
    assert reasoned({"content": "a", "encryptedValue": "ds1.!"}) == {"role": "assistant", "content": "Hi."}


def test_signed_reasoning_is_all_that_counts() -> None:
    signed: JsonObject = {"content": "a", "encryptedValue": seal({"format": "gemini", "signature": "s"})}
    assert "reasoning_content" not in reasoned({"content": "b"}, signed)


def test_the_signature_of_a_call() -> None:
    call: JsonObject = {"id": "c", "type": "function", "function": {"name": "look", "arguments": ""}}
    answer = Answer({"c"})
    answer.add_message({"toolCalls": [{**call, "encryptedValue": seal_call("c", "s")}]}, "p")
    (message,) = answer.take()
    function: JsonObject = {"name": "look", "arguments": "{}"}
    assert message["tool_calls"] == [{"id": "c", "type": "function", "function": function, "signature": "s"}]
    assert answer.take() == []
