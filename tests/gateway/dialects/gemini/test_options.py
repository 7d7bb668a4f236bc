"""Options of `generationConfig`."""

import pytest

from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.options import includes_thoughts, read_options
from gateway.protocol.commands import JsonObject


def options(config: JsonObject) -> tuple[JsonObject, list[str]]:
    untranslated: list[str] = []
    return read_options(Fields.of(config, "generationConfig"), untranslated), untranslated


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"temperature": 0.5, "seed": 3, "stopSequences": []}, {"temperature": 0.5, "seed": 3}),
        ({"temperature": "0.5", "seed": "-3", "topK": "1.5"}, {"temperature": 0.5, "seed": -3}),
        ({"topK": 1, "temperature": 1}, {"temperature": 0}),
        ({"responseLogprobs": True, "logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"responseMimeType": "text/plain"}, {}),
        ({"responseMimeType": "application/json"}, {"response_format": {"type": "json_object"}}),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": "string"}},
                }
            },
        ),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "string"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": "string"}},
                }
            },
        ),
        ({"thinkingConfig": {"thinkingBudget": 0}}, {"reasoning_effort": "none"}),
        ({"thinkingConfig": {"thinkingBudget": 512}}, {"reasoning_effort": "low"}),
        ({"thinkingConfig": {"thinkingBudget": 8192}}, {"reasoning_effort": "medium"}),
        ({"thinkingConfig": {"thinking_budget": 9000}}, {"reasoning_effort": "high"}),
        ({"thinkingConfig": {"thinkingBudget": -1, "includeThoughts": True}}, {}),
        ({"thinkingConfig": {"thinkingLevel": "LOW"}}, {"reasoning_effort": "low"}),
    ],
)
def test_options_with_a_counterpart(config: JsonObject, expected: JsonObject) -> None:
    assert options(config) == (expected, [])


@pytest.mark.parametrize(
    "config",
    [{"responseMimeType": "text/x.enum"}, {"imageConfig": {"aspectRatio": "1:1"}}, {"responseModalities": ["AUDIO"]}],
)
def test_options_without_a_counterpart(config: JsonObject) -> None:
    assert options(config) == ({}, [f"generationConfig.{name}" for name in config])


@pytest.mark.parametrize(
    ("config", "expected"),
    [({}, False), ({"thinkingConfig": {}}, False), ({"thinking_config": {"include_thoughts": True}}, True)],
)
def test_thoughts_are_asked_for(config: JsonObject, expected: bool) -> None:
    assert includes_thoughts(Fields.of({"generationConfig": config}, "")) is expected
