"""The defaults of a model; `broken.py` has each error."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.defaults import DefaultsTable
from gateway.protocol.commands import StartRequest, parse
from gateway.protocol.options import GATEWAY_OPTIONS, OptionFields
from gateway.routing.start_defaults import StartDefaults
from gateway.toml.problems import ConfigurationError
from tests.gateway.config.loading import load_text

MODEL = '[models.a]\nprovider = "ollama"\n'
TOOL = """[[models.a.defaults.tools]]
type = "function"
function = { name = "get_weather", parameters = { type = "object", properties = { city = { type = "string" } } } }
"""
EVERY: dict[str, Any] = {
    "temperature": 0.3,
    "top_p": 1,
    "max_tokens": 1000,
    "stop": ["END"],
    "seed": 7,
    "presence_penalty": 0,
    "frequency_penalty": 0.5,
    "tools": [{"type": "function", "function": {"name": "f", "description": "x", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "logprobs": True,
    "top_logprobs": 2,
    "user": "u",
}


def defaults_of(tmp_path: Path, text: str) -> StartDefaults:
    return load_text(tmp_path, MODEL + text).models["a"].start_defaults


def test_every_option_may_have_a_default_but_what_is_no_parameter() -> None:
    assert DefaultsTable.model_fields.keys() == OptionFields.model_fields.keys() - {
        # Another name of `max_tokens`, and what has a setting of the gateway.
        *("max_completion_tokens", *GATEWAY_OPTIONS)
    }
    assert EVERY.keys() == DefaultsTable.model_fields.keys()


def test_every_default_reaches_a_start() -> None:
    options = DefaultsTable.model_validate(EVERY).to_options()
    assert options == EVERY
    start = parse(StartRequest, {"messages": [{"role": "user", "content": "x"}]})
    applied = StartDefaults.of(None, options).apply(start)
    # They are valid there, too.
    assert parse(StartRequest, {"messages": [{"role": "user", "content": "x"}], "options": EVERY}) == applied


def test_a_model_without_any_adds_nothing(tmp_path: Path) -> None:
    assert defaults_of(tmp_path, "") == StartDefaults()


def test_a_system_prompt_may_have_lines(tmp_path: Path) -> None:
    defaults = defaults_of(tmp_path, 'system = """\nBe brief.\nBe kind."""\n')
    assert defaults.system is not None
    assert defaults.system.content == "Be brief.\nBe kind."


def test_tools_come_as_clients_send_them(tmp_path: Path) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    (tool,) = defaults_of(tmp_path, TOOL).tools
    assert tool == {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}


def test_one_stop_text_is_a_list_of_one(tmp_path: Path) -> None:
    assert defaults_of(tmp_path, '[models.a.defaults]\nstop = "END"\n').options == {"stop": ["END"]}


@pytest.mark.parametrize(
    "schema",
    [
        '{ type = "object", properties = [] }',
        '{ type = "object", properties = { city = "string" } }',
        '{ type = "object", required = "city" }',
        '{ type = "object", required = [1] }',
        '{ type = ["object"] }',
        "{}",
        '{ type = "object", minimum = nan }',
        '{ type = "object", minimum = inf }',
        '{ type = "object", minimum = 9223372036854775808000 }',
        '{ type = "object", since = 1979-05-27 }',
        '"object"',
    ],
)
def test_a_schema_that_no_provider_takes(tmp_path: Path, schema: str) -> None:
    text = f'[[models.a.defaults.tools]]\ntype = "function"\nfunction = {{ name = "f", parameters = {schema} }}\n'
    with pytest.raises(ConfigurationError, match=r":5: models.a.defaults.tools\[0\].function.parameters: must "):
        defaults_of(tmp_path, text)


@pytest.mark.parametrize("name", ["", "get weather", "x" * 65, "é"])
def test_a_name_that_no_provider_takes(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="must have 1 to 64 letters"):
        defaults_of(tmp_path, TOOL.replace("get_weather", name))


@pytest.mark.parametrize("choice", ['"always"', "3", "{}", '{ type = "function" }', '{ type = "tool", name = "f" }'])
def test_a_choice_that_is_none(tmp_path: Path, choice: str) -> None:
    with pytest.raises(ConfigurationError, match="tool_choice: must be auto, none, required, or"):
        defaults_of(tmp_path, f"[models.a.defaults]\ntool_choice = {choice}\n")
