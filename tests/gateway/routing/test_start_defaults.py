"""What a model adds to a start."""

import pytest
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.routing.start_defaults import StartDefaults

NONE = StartDefaults()
BRIEF = StartDefaults.of("Be brief.", {})


def tool(name: str, **fields: JsonValue) -> JsonObject:
    return {"type": "function", "function": {"name": name, **fields}}


def start(*roles: str, **options: object) -> StartRequest:
    messages: list[object] = [{"role": role, "content": role} for role in roles or ("user",)]
    return parse(StartRequest, {"messages": messages, "options": options})


def test_without_defaults_a_start_stays_as_it_is() -> None:
    request = start(temperature=1)
    assert NONE.apply(request) is request


@pytest.mark.parametrize("roles", [["user"], ["system", "user"], ["developer", "system", "user", "assistant", "user"]])
def test_the_system_prompt_precedes_all_messages(roles: list[str]) -> None:
    request = start(*roles)
    applied = BRIEF.apply(request)
    assert [(message.role, message.content) for message in applied.messages[:1]] == [("system", "Be brief.")]
    assert applied.messages[1:] == request.messages
    assert len(request.messages) == len(roles)
    assert applied.options == request.options


def test_an_option_applies_where_the_client_sets_none() -> None:
    defaults = StartDefaults.of(None, {"temperature": 0.3, "max_tokens": 1000, "stop": ["END"], "logprobs": False})
    request = start(temperature=0, stop=None)
    assert defaults.apply(request).options.for_provider() == {"temperature": 0, "max_tokens": 1000, "stop": ["END"]}
    assert request.options.max_tokens is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_token_limit_are_one_option(name: str) -> None:
    defaults = StartDefaults.of(None, {"max_tokens": 1000})
    assert defaults.apply(start(**{name: 5})).options.for_provider() == {"max_tokens": 5}


def test_the_policy_of_a_client_that_leaves_stays() -> None:
    assert StartDefaults.of(None, {"seed": 1}).apply(start(on_disconnect="cancel")).options.on_disconnect == "cancel"


@pytest.mark.parametrize("own", [None, []])
def test_the_tools_are_those_of_the_model_if_the_client_has_none(own: list[JsonObject] | None) -> None:
    defaults = StartDefaults.of(None, {"tools": [tool("a"), tool("b")]})
    assert defaults.apply(start(tools=own)).options.tools == [tool("a"), tool("b")]


def test_tools_of_the_client_come_first_and_count_less_under_the_same_name() -> None:
    defaults = StartDefaults.of(None, {"tools": [tool("a"), tool("b", description="The weather.")]})
    own: list[JsonObject] = [{"type": "web_search"}, tool("b"), tool("c")]
    tools = [{"type": "web_search"}, tool("b", description="The weather."), tool("c"), tool("a")]
    # A copy each time: the next start finds all of them again.
    assert defaults.apply(start(tools=own)).options.tools == defaults.apply(start(tools=own)).options.tools == tools


def test_a_choice_of_the_client_is_about_the_tools_of_the_model_too() -> None:
    defaults = StartDefaults.of(None, {"tools": [tool("a")], "tool_choice": "required"})
    assert defaults.apply(start(tool_choice="none")).options.for_provider()["tool_choice"] == "none"
    assert defaults.apply(start()).options.for_provider()["tool_choice"] == "required"
