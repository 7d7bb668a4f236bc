"""Options of a start: in `options`, at the top level as in OpenAI's API, or in both."""

import pytest

from gateway.protocol.commands import JsonObject, StartCommand, StartRequest, parse
from gateway.protocol.errors import Refused
from gateway.protocol.options import ProviderOptions

MESSAGES: list[JsonObject] = [{"role": "user", "content": "Hello"}]
EVERY: dict[str, object] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "max_tokens": 5,
    "stop": ["x"],
    "seed": 1,
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "text"},
    "reasoning_effort": "low",
    "user": "u",
}


def start(**fields: object) -> StartRequest:
    return parse(StartRequest, {"messages": MESSAGES, **fields})


def refusal_of(**fields: object) -> tuple[str | None, str]:
    with pytest.raises(Refused) as refused:
        start(**fields)
    return refused.value.param, refused.value.message


def test_options_at_the_top_level_are_those_in_options() -> None:
    assert start(**EVERY, on_disconnect="cancel") == start(options={**EVERY, "on_disconnect": "cancel"})
    assert start(**EVERY).options.for_provider() == EVERY


def test_a_websocket_command_takes_them_too() -> None:
    command = parse(StartCommand, {"type": "start", "messages": MESSAGES, **EVERY, "stream": True})
    assert command.as_request() == start(options=EVERY)


def test_options_in_both_places_are_joined() -> None:
    request = start(temperature=0.5, options={"seed": 1, "temperature": 0.5, "on_disconnect": "grace"})
    assert request.options.for_provider() == {"temperature": 0.5, "seed": 1}
    assert request.options.on_disconnect == "grace"


@pytest.mark.parametrize(
    "fields",
    [
        {"max_completion_tokens": 5},
        {"max_completion_tokens": 5, "max_tokens": 5.0},
        {"options": {"max_completion_tokens": 5}},
        {"options": {"max_completion_tokens": 5, "max_tokens": 5}},
        {"max_tokens": 5, "options": {"max_completion_tokens": 5}},
    ],
    ids=str,
)
def test_the_token_limit_has_two_names(fields: JsonObject) -> None:
    assert start(**fields).options.for_provider() == {"max_tokens": 5}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 1, "options": {"temperature": 0}}, "temperature"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
        ({"options": {"max_tokens": 1, "max_completion_tokens": 2}}, "options.max_completion_tokens"),
        ({"max_tokens": 1, "options": {"max_completion_tokens": 2}}, "max_tokens"),
        ({"tools": [], "options": {"tools": [{}]}}, "tools"),
        ({"on_disconnect": "grace", "options": {"on_disconnect": "cancel"}}, "on_disconnect"),
    ],
    ids=str,
)
def test_two_values_of_one_option_are_refused(fields: JsonObject, param: str) -> None:
    named, message = refusal_of(**fields)
    assert (named, "has another value than" in message) == (param, True)


def test_fields_without_effect_are_accepted_and_dropped() -> None:
    without_effect = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": 1,
        "store": False,
        "service_tier": "auto",
    }
    assert start(**without_effect) == start()
    assert start(**without_effect).model_dump_json() == start().model_dump_json()
    assert start(**dict.fromkeys(without_effect)) == start()


@pytest.mark.parametrize(
    ("fields", "param", "advice"),
    [
        ({"stream": False}, "stream", "start by POST /api/generations and read GET /api/generations/{id}"),
        ({"stream": "yes"}, "stream", "leave it out, or send true"),
        ({"n": 2}, "n", "must be 1"),
        ({"top_logprobs": 21}, "top_logprobs", "less than or equal to 20"),
        ({"store": True}, "store", "leave it out, or send false"),
        ({"service_tier": "flex"}, "service_tier", "send auto"),
        ({"top_k": 5}, "top_k", "is not passed on"),
        ({"max_output_tokens": 5}, "max_output_tokens", "is called max_tokens here"),
        ({"functions": []}, "functions", "send tools"),
        ({"idempotency_key": "k"}, "idempotency_key", "send the header Idempotency-Key"),
        ({"options": {"stream": True}}, "options.stream", "belongs beside options"),
        ({"options": {"model": "m"}}, "options.model", "belongs beside options"),
        ({"options": {"max_output_tokens": 1}}, "options.max_output_tokens", "is called max_tokens here"),
        ({"messages": None, "input": "x"}, "input", "here send messages"),
        ({"temprature": 1}, "temprature", "and the options: temperature, top_p, max_tokens, max_completion_tokens"),
    ],
)
def test_what_is_refused_says_where_it_belongs(fields: JsonObject, param: str, advice: str) -> None:
    named, message = refusal_of(**fields)
    assert (named, message.startswith(f"{param}: ")) == (param, True)
    assert advice in message


def test_a_dialect_may_add_fields_for_the_provider() -> None:
    request = parse(StartRequest, {"messages": MESSAGES, "temperature": 0.5, "on_disconnect": "cancel"})
    options = ProviderOptions.of(request.options, {"verbosity": "low"})
    again = request.model_copy(update={"options": options.model_copy(update={"on_disconnect": "continue"})})
    assert again.options.for_provider() == {"temperature": 0.5, "verbosity": "low"}
    assert again.options.on_disconnect == "continue"


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_options_about_tools_have_no_effect_without_tools(choice: str) -> None:
    options = {"tool_choice": choice, "parallel_tool_calls": True}
    assert start(**options).options.for_provider() == {}
    assert start(**options, tools=[]).options.for_provider() == {"tools": []}
    tools = EVERY["tools"]
    assert start(**options, tools=tools).options.for_provider() == {**options, "tools": tools}


def test_a_demand_for_a_call_without_tools_is_for_the_provider_to_refuse() -> None:
    assert start(tool_choice="required").options.for_provider() == {"tool_choice": "required"}
