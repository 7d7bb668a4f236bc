"""The messages of a start: content that may be missing, and what of it no provider could read."""

import pytest

from gateway.protocol.commands import JsonObject, Message, StartRequest, parse
from gateway.protocol.errors import Refused
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats import anthropic_request, gemini_request, openai_chat_request, openai_responses_request
from gateway.upstreams.formats.base import Quirks

CALL: JsonObject = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def parsed(**fields: object) -> Message:
    return parse(StartRequest, {"messages": [fields]}).messages[0]


def refusal_of(**fields: object) -> tuple[str | None, str]:
    with pytest.raises(Refused) as refused:
        parsed(**fields)
    return refused.value.param, refused.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "assistant", "content": None},
        {"role": "assistant"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant", "content": None, "tool_calls": None, "refusal": None, "function_call": None},
        {"role": "assistant", "content": None, "reasoning_details": [{"type": "reasoning.text", "text": "x"}]},
        {"role": "tool", "tool_call_id": "c", "content": None},
        {"role": "tool", "tool_call_id": "c"},
    ],
    ids=str,
)
def test_content_that_is_null_is_the_empty_text(fields: JsonObject) -> None:
    assert parsed(**fields).content == ""


@pytest.mark.parametrize("field", [{"tool_calls": [CALL]}, {"function_call": {"name": "f"}}, {"refusal": "No."}])
def test_content_that_is_null_beside_something_else_stays_null(field: JsonObject) -> None:
    message = parsed(role="assistant", content=None, **field)
    assert message.model_dump(exclude_unset=True) == {"role": "assistant", "content": None, **field}


@pytest.mark.parametrize("role", ["user", "system", "developer"])
def test_a_question_needs_content(role: str) -> None:
    missing = "messages[0].content: content is missing: send a string or a list of content parts"
    assert refusal_of(role=role) == ("messages[0].content", missing)
    assert refusal_of(role=role, content=None) == ("messages[0].content", missing.replace("missing", "null"))


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}]], ids=str)
def test_an_empty_question_is_refused(content: object) -> None:
    param, message = refusal_of(role="user", content=content)
    assert (param, "is empty" in message) == ("messages[0].content", True)
    assert parsed(role="assistant", content=content).content == content


def test_an_unknown_part_is_named() -> None:
    text = {"type": "text", "text": "x"}
    param, message = refusal_of(role="user", content=[text, {"type": "hologram"}, {"type": "scent"}])
    assert param == "messages[0].content[1].type"
    assert message.startswith("messages[0].content[1].type: 'hologram' is not known; known are: text, image_url, ")
    assert message.endswith("mcp_tool_result")
    assert "content[0].type: is missing; known are" in refusal_of(role="user", content=[{}])[1]
    assert len(refusal_of(role="user", content=[{"type": "x" * 10_000}])[1]) < 1000


ANSWER = {"role": "assistant", "content": "x"}


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "S", "format": None, "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "id": "r", "format": "f"}]},
        {"reasoning_details": None, "thinking_blocks": None, "tool_calls": None},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "S"}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "x", "cache_control": None}]},
        {"tool_calls": [{**CALL, "signature": "S"}]},
        {"tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "S"}}}]},
    ],
    ids=str,
)
def test_reasoning_is_passed_on_as_it_came(fields: JsonObject) -> None:
    assert parsed(**ANSWER, **fields).model_dump(exclude_unset=True) == {**ANSWER, **fields}


@pytest.mark.parametrize(
    ("fields", "param", "problem"),
    [
        ({"reasoning_details": "x"}, "reasoning_details", "must be a list of objects"),
        ({"reasoning_details": [{}]}, "reasoning_details[0].type", "must be a string, such as reasoning.text"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": 5}]}, "reasoning_details[0].text", "a string"),
        ({"thinking_blocks": ["x"]}, "thinking_blocks[0]", "must be an object"),
        ({"thinking_blocks": [{"type": "text"}]}, "thinking_blocks[0].type", "one of: thinking, redacted_thinking"),
        ({"thinking_blocks": [{"type": ["x"]}]}, "thinking_blocks[0].type", "one of: thinking, redacted_thinking"),
        ({"thinking_blocks": [{"type": "thinking"}]}, "thinking_blocks[0].thinking", "must be a string"),
        ({"tool_calls": [{**CALL, "signature": 5}]}, "tool_calls[0].signature", "must be a string"),
        ({"tool_calls": [{**CALL, "extra_content": "x"}]}, "tool_calls[0].extra_content", "must be an object"),
    ],
)
def test_reasoning_of_another_form_is_refused_by_name(fields: JsonObject, param: str, problem: str) -> None:
    named, message = refusal_of(**ANSWER, **fields)
    assert named == f"messages[0].{param}"
    assert problem in message


def test_every_wire_format_can_send_an_answer_and_a_result_without_content() -> None:
    conversation: list[JsonObject] = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": None},
    ]
    request = UpstreamRequest("m", parse(StartRequest, {"messages": [*conversation]}).messages, {})
    chat = openai_chat_request.build_request(request, Quirks())["messages"]
    assert isinstance(chat, list)
    assert [message.get("content") for message in chat if isinstance(message, dict)] == [
        *("Weather?", "", "Well?", None, "")
    ]
    for build in (anthropic_request.build_request, gemini_request.build_request):
        assert "null" not in repr(build(request)) + "None"
    items = openai_responses_request.build_request(request)["input"]
    assert isinstance(items, list)
    assert {"type": "function_call_output", "call_id": "c", "output": ""} in items
