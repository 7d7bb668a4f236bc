"""What `forwardedProps` says of the model."""

import pytest

from gateway.dialects.ag_ui.options import option_path, read_options
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.errors import Code, Refused, invalid

TOOL: JsonObject = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}


def test_options_of_a_start_are_taken_and_others_left_to_the_application() -> None:
    props: JsonObject = {"model": "m", "max_tokens": 5, "seed": None, "theme": "dark", "tools": [{}]}
    assert read_options({"forwardedProps": props}) == {"model": "m", "max_tokens": 5}


def test_options_about_tools_need_none_of_the_client() -> None:
    props: JsonObject = {"tool_choice": "required", "parallel_tool_calls": False}
    assert read_options({"forwardedProps": props, "tools": []}) == props
    options = read_options({"forwardedProps": props, "tools": [TOOL]})
    assert options["tool_choice"] == "required"
    assert options["tools"] == [{"type": "function", "function": TOOL}]


def test_a_refusal_names_the_field_where_it_stands() -> None:
    body: JsonObject = {
        "messages": [{"role": "user", "content": "x"}],
        **read_options({"forwardedProps": {"seed": "x"}}),
    }
    with pytest.raises(Refused) as refused:
        parse(StartRequest, body)
    named = option_path(refused.value)
    assert named.param == "forwardedProps.seed"
    assert named.message.startswith("forwardedProps.seed: ")
    assert not named.retryable


@pytest.mark.parametrize(
    "refused",
    [
        invalid("messages[0].content: is empty", param="messages[0].content"),
        invalid("forwardedProps.seed: x", param="forwardedProps.seed"),
        Refused(Code.RATE_LIMIT, "Too many."),
        invalid("There is no such model.", param="model"),
    ],
)
def test_other_refusals_stay_as_they_are(refused: Refused) -> None:
    assert option_path(refused) is refused


def test_whether_a_request_may_be_repeated_is_kept() -> None:
    refused = Refused(Code.QUEUE_FULL, "model: is busy", param="model", retry_after_ms=5)
    named = option_path(refused)
    assert (named.retryable, named.retry_after_ms, named.status) == (True, 5, 503)
