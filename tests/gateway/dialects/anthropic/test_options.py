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
TOOL: JsonObject = {"name": "f", "description": "F.", "input_schema": SCHEMA}
CHOSEN: JsonObject = {"tool_choice": {"type": "function", "function": {"name": "f"}}}


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
        (
            {"tools": [{**TOOL, "cache_control": {}, "defer_loading": True}]},
            {"tools": [{"type": "function", "function": {"name": "f", "description": "F.", "parameters": SCHEMA}}]},
        ),
        ({"tools": [{"type": "tool_search_tool_bm25_20251119", "name": "s"}]}, {}),
        ({"tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
        ({"tool_choice": {"type": "tool", "name": "f"}}, CHOSEN),
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
        ({"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]}, "tools[1] (web_search_20250305)"),
    ],
)
def test_what_only_this_api_has_is_named(body: JsonObject, named: str) -> None:
    untranslated: list[str] = []
    read_options(body, untranslated)
    assert untranslated == [named]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [1]}, "tools[0]"),
        ({"tools": [{"name": 1}]}, "tools[0].name"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "some"}}, "tool_choice"),
        ({"thinking": 1}, "thinking"),
        ({"output_config": {"effort": ["low"]}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
    ],
)
def test_malformed_options(body: JsonObject, param: str) -> None:
    with pytest.raises(Refused) as refused:
        read_options(body, [])
    assert refused.value.param == param
