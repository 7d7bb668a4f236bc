"""The response object."""

import orjson

from gateway.dialects.openai_responses.response_object import ResponseObject
from tests.gateway.dialects.openai_responses.logs import IDENTITY

FIELDS = {
    *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "model", "previous_response_id"),
    *("instructions", "output", "error", "tools", "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p"),
    *("presence_penalty", "frequency_penalty", "top_logprobs", "temperature", "reasoning", "usage", "user", "metadata"),
    *("max_output_tokens", "max_tool_calls", "store", "background", "service_tier", "safety_identifier"),
    "prompt_cache_key",
}


def test_every_field_is_there_from_the_beginning() -> None:
    response = orjson.loads(ResponseObject({}, IDENTITY).encode("in_progress"))
    assert response.keys() == FIELDS
    assert (response["store"], response["background"], response["output"]) == (True, False, [])


def test_what_the_request_says_is_repeated() -> None:
    body = {
        "instructions": "Be brief.",
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low", "format": None},
        "tools": [{"type": "web_search"}],
        "service_tier": "auto",
        "store": False,
        "temperature": None,
        "prompt": {"id": "p1"},
    }
    response = orjson.loads(ResponseObject(body, IDENTITY).encode("queued"))
    assert response["reasoning"] == {"effort": "low", "summary": None}
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert response["tools"] == body["tools"]
    assert (response["service_tier"], response["temperature"]) == ("default", 1.0)
    assert response["prompt"] == {"id": "p1"}


def test_items_are_repeated_as_they_are_encoded() -> None:
    response = ResponseObject({}, IDENTITY).encode("completed", [b'{"id":1}'], service_tier="flex", completed_at=5)
    decoded = orjson.loads(response)
    assert (decoded["output"], decoded["service_tier"], decoded["completed_at"]) == ([{"id": 1}], "flex", 5)
