"""The options of a request in OpenAI's form."""

import pytest

from gateway.dialects.anthropic.options import read_options
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

SCHEMA: JsonObject = {"type": "object", "properties": {}}
FORMAT: JsonObject = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
}


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (
            {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["x"]},
            {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": ["x"]},
        ),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"metadata": {"user_id": "u" * 65}}, {}),
        ({"cache_control": {}, "context_management": {"edits": []}, "service_tier": "auto", "speed": "fast"}, {}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, {}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "high"}),
        ({"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, {"reasoning_effort": "high"}),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, {"response_format": FORMAT}),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, {"response_format": FORMAT}),
    ],
)
def test_options(body: JsonObject, options: JsonObject) -> None:
    untranslated: list[str] = []
    assert read_options(body, untranslated) == options
    assert untranslated == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"top_k": 5}, "top_k"),
        ({"mcp_servers": [{"name": "m"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
    ],
)
def test_what_only_this_api_has_is_named(body: JsonObject, named: str) -> None:
    untranslated: list[str] = []
    read_options(body, untranslated)
    assert untranslated == [named]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"thinking": 1}, "thinking"),
        ({"output_config": {"effort": ["low"]}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
    ],
)
def test_malformed_options(body: JsonObject, param: str) -> None:
    with pytest.raises(Refused) as refused:
        read_options(body, [])
    assert refused.value.param == param
