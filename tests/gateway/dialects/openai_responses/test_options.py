"""Options of the Responses API in the form of chat completions."""

import pytest
from pydantic import JsonValue

from gateway.dialects.openai_responses.options import included, read_options
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ({"max_output_tokens": 5, "top_p": 0.5, "temperature": None}, {"max_tokens": 5, "top_p": 0.5}),
        ({"text": {"format": {"type": "text"}}, "reasoning": {"effort": None}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"safety_identifier": "a", "user": "b"}, {"user": "a"}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    ],
)
def test_an_option_has_its_counterpart(body: JsonObject, options: JsonObject) -> None:
    untranslated: list[str] = []
    assert read_options(body, untranslated) == options
    assert untranslated == []


def test_what_changes_the_answer_and_has_no_counterpart_is_named() -> None:
    untranslated: list[str] = []
    assert read_options({"prompt": {"id": "p"}, "context_management": [{}]}, untranslated) == {}
    assert untranslated == ["prompt", "context_management"]


@pytest.mark.parametrize("value", ["x", 1, {"a": 1}])
def test_include_is_a_list(value: JsonValue) -> None:
    with pytest.raises(Refused, match="include: must be a list"):
        included({"include": value})
