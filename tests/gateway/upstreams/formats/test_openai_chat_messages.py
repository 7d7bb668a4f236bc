"""Earlier answers, given back to a server of another kind."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.openai_chat_messages import build_message, map_id
from gateway.upstreams.formats.thought_signatures import STAND_IN

DETAILS: JsonObject = {
    "reasoning_details": [
        {"type": "reasoning.text", "text": "Hm.", "signature": "S", "format": "anthropic"},
        {"type": "reasoning.encrypted", "data": "D", "format": "anthropic"},
    ]
}
BLOCKS: JsonObject = {
    "thinking_blocks": [
        {"type": "thinking", "thinking": "Hm.", "signature": "S"},
        {"type": "redacted_thinking", "data": "D"},
    ]
}
OF_OPENROUTER = [
    {"type": "reasoning.text", "text": "Hm.", "signature": "S", "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": "D", "format": "anthropic-claude-v1"},
]


def build(fields: JsonObject, quirks: Quirks | None = None, model: str = "m") -> JsonObject:
    """Return the fields of an answer beside its role and its text."""
    built = build_message({"role": "assistant", "content": "x", **fields}, model, quirks or Quirks())
    assert (built.pop("role"), built.pop("content")) == ("assistant", "x")
    return built


@pytest.mark.parametrize("given", [DETAILS, BLOCKS], ids=["details", "blocks"])
@pytest.mark.parametrize(
    ("quirks", "sent"),
    [
        (Quirks(), {}),
        (Quirks(reasoning="none"), {}),
        (Quirks(reasoning="reasoning_content"), {"reasoning_content": "Hm."}),
        (Quirks(reasoning="reasoning_details"), {"reasoning_details": OF_OPENROUTER}),
        (Quirks(reasoning="thinking_blocks"), BLOCKS),
    ],
)
def test_reasoning(given: JsonObject, quirks: Quirks, sent: JsonObject) -> None:
    assert build(given, quirks) == sent


@pytest.mark.parametrize(
    ("quirks", "sent"),
    [
        (Quirks(), {"reasoning": "Hm."}),
        (Quirks(reasoning="none"), {}),
        (Quirks(reasoning="reasoning_content"), {"reasoning_content": "Hm."}),
        (Quirks(reasoning="reasoning_details"), {"reasoning": "Hm."}),
        (Quirks(reasoning="thinking_blocks"), {}),
    ],
)
def test_plain_reasoning(quirks: Quirks, sent: JsonObject) -> None:
    assert build({"reasoning": "Hm."}, quirks) == sent


def test_thinking_in_the_content_is_reasoning() -> None:
    content: JsonObject = {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "x"}]}
    built = build_message({"role": "assistant", **content}, "m", Quirks(reasoning="reasoning_content"))
    assert built == {"role": "assistant", "content": [{"type": "text", "text": "x"}], "reasoning_content": "Hm."}


def call(**fields: object) -> JsonObject:
    return {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, **fields}  # type: ignore[dict-item]


def signed(signature: str) -> JsonObject:
    return call(extra_content={"google": {"thought_signature": signature}})


GOOGLE = Quirks(tool_signatures="google")


@pytest.mark.parametrize(
    "given", [call(signature="S"), signed("S"), call(provider_specific_fields={"thought_signature": "S"})]
)
@pytest.mark.parametrize(
    ("quirks", "sent"), [(Quirks(), signed("S")), (GOOGLE, signed("S")), (Quirks(tool_signatures="none"), call())]
)
def test_the_signature_of_a_call(given: JsonObject, quirks: Quirks, sent: JsonObject) -> None:
    assert build({"tool_calls": [given]}, quirks) == {"tool_calls": [sent]}


def test_google_gets_a_stand_in_for_the_first_call() -> None:
    calls: JsonObject = {"tool_calls": [call(index=0), call(index=1)]}
    assert build(calls, GOOGLE, "gemini-3-pro") == {"tool_calls": [signed(STAND_IN), call()]}
    assert build(calls, GOOGLE, "gemini-2.5-flash") == {"tool_calls": [call(), call()]}
    assert build(calls) == {"tool_calls": [call(), call()]}


def test_the_signature_of_a_text() -> None:
    details: JsonObject = {
        "reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "S", "format": "gemini"}]
    }
    assert build(details, GOOGLE) == {"extra_content": {"google": {"thought_signature": "S"}}}
    assert build(details) == {}


@pytest.mark.parametrize(
    ("rule", "call_id", "length"),
    [
        ("any", "functions.weather:0", None),
        ("40_characters", "x" * 40, None),
        ("40_characters", "x" * 41, 40),
        ("9_alphanumerics", "abcDEF123", None),
        ("9_alphanumerics", "call_1", 9),
    ],
)
def test_ids(rule: str, call_id: str, length: int | None) -> None:
    quirks = Quirks(tool_ids=rule)  # type: ignore[arg-type]
    mapped = map_id(call_id, quirks)
    assert mapped == map_id(call_id, quirks)
    if length is None:
        assert mapped == call_id
    else:
        assert len(mapped) == length
        assert mapped.replace("_", "").isalnum()
        assert map_id(call_id + "2", quirks) != mapped
    answer: JsonObject = {"tool_calls": [call(id=call_id)]}
    assert build(answer, quirks) == {"tool_calls": [call(id=mapped)]}
    result = build_message({"role": "tool", "tool_call_id": call_id, "content": None}, "m", quirks)
    assert result == {"role": "tool", "tool_call_id": mapped, "content": ""}


def test_null_fields_of_an_answer_are_left_out() -> None:
    assert build({"refusal": None, "annotations": [], "audio": None, "function_call": None}) == {}


def test_an_answer_without_content() -> None:
    assert build_message({"role": "assistant", "content": None}, "m", Quirks())["content"] == ""
    with_call = build_message({"role": "assistant", "content": None, "tool_calls": [call()]}, "m", Quirks())
    assert with_call["content"] is None


def test_arguments_are_json() -> None:
    empty = {"name": "f", "arguments": ""}
    assert build({"tool_calls": [call(function=empty)]}) == {"tool_calls": [call()]}


def test_reasoning_that_a_server_requires_beside_calls_may_be_empty() -> None:
    quirks = Quirks(reasoning="reasoning_content")
    assert build({"tool_calls": [call()]}, quirks) == {"tool_calls": [call()], "reasoning_content": ""}
    assert build({}, quirks) == {}


@pytest.mark.parametrize("given", [DETAILS, BLOCKS, {"annotations": []}, {"reasoning_content": "Hm."}])
def test_a_client_of_this_api_gives_back_what_it_likes(given: JsonObject) -> None:
    message: JsonObject = {"role": "assistant", "content": "x", **given}
    assert build_message(message, "m", Quirks(), as_sent=True) == message
    # What the server is known not to take is left out all the same.
    assert build_message(message, "m", Quirks(reasoning="none"), as_sent=True) == {"role": "assistant", "content": "x"}


def test_a_client_of_openrouter_gives_back_its_own_details_as_they_came() -> None:
    quirks = Quirks(reasoning="reasoning_details")
    detail: JsonObject = {
        "type": "reasoning.summary",
        "summary": "Hm.",
        "format": "openai-responses-v1",
        "index": 0,
        "id": "r",
    }
    message: JsonObject = {"role": "assistant", "content": "x", "reasoning_details": [detail]}
    assert build_message(message, "m", quirks, as_sent=True) == message
    # What the gateway itself has named is translated.
    given: JsonObject = {"role": "assistant", "content": "x", **DETAILS}
    assert build_message(given, "m", quirks, as_sent=True)["reasoning_details"] == OF_OPENROUTER
