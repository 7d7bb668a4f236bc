"""Input for a response that runs: what is taken, and what is said of the rest."""

import pytest

from gateway.dialects.openai_responses.steer import (
    MAX_TEXT,
    SteerError,
    accepted,
    failed,
    message_of,
    pending,
    steer_of,
    with_waiting,
)
from gateway.protocol.commands import JsonObject

TEXT: JsonObject = {"type": "input_text", "text": "Shorter."}


def event(given: object) -> JsonObject:
    return {"type": "response.steer", "previous_response_id": "resp_1", "input": given}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Shorter.", "Shorter."),
        ([{"role": "user", "content": "Shorter."}], "Shorter."),
        ([{"type": "message", "role": "user", "content": [TEXT, TEXT]}], "Shorter.\n\nShorter."),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": [TEXT]}], "a\n\nShorter."),
    ],
)
def test_the_text_of_an_input(given: object, text: str) -> None:
    assert steer_of(event(given)) == text


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "invalid_input"),
        ("", "invalid_input"),
        ("x" * (MAX_TEXT + 1), "invalid_input"),
        ([], "invalid_input"),
        ([7], "invalid_input"),
        ([{"role": "assistant", "content": "a"}], "invalid_input"),
        ([{"type": "function_call_output", "call_id": "c", "output": "1"}], "invalid_input"),
        ([{"role": "user", "content": 7}], "invalid_input"),
        ([{"role": "user", "content": [{"type": "x"}]}], "invalid_input"),
        ([{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}], "steering_not_supported"),
    ],
)
def test_an_input_that_is_not_taken(given: object, code: str) -> None:
    with pytest.raises(SteerError) as error:
        steer_of(event(given))
    assert error.value.code == code


def test_a_steer_has_no_other_fields() -> None:
    with pytest.raises(SteerError, match="stream_id"):
        steer_of({**event("a"), "stream_id": "main"})


def test_the_events_about_an_input() -> None:
    steer: JsonObject = {"id": "steer_1", "previous_response_id": "resp_1"}
    assert accepted("steer_1", "resp_1", 7) == {
        "type": "response.steer.accepted",
        "sequence_number": 7,
        "steer": steer,
    }
    refused = failed(SteerError("response_not_found"), "resp_1", "a", 0)
    assert refused["steer"] == {"previous_response_id": "resp_1", "input": "a"}
    assert refused["error"] == {
        "type": "invalid_request_error",
        "code": "response_not_found",
        "message": "The response does not run on this connection.",
    }
    given_back = failed(SteerError("successor_creation_failed"), "resp_1", "a", 3, "steer_1")
    assert given_back["steer"] == {**steer, "input": "a"}


CALL: JsonObject = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT: JsonObject = {"type": "function_call_output", "call_id": "c", "output": "1"}


def test_an_input_that_waits_names_the_results_that_come_first() -> None:
    custom: JsonObject = {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": ""}
    event = pending("steer_1", "resp_1", [{"type": "message"}, CALL, custom], 9)
    assert event == {
        "type": "response.steer.pending",
        "sequence_number": 9,
        "steer": {"id": "steer_1", "previous_response_id": "resp_1"},
        "reason": "waiting_for_required_input",
        "required_input": [
            {"type": "function_call_output", "call_id": "c", "name": "f"},
            {"type": "custom_tool_call_output", "call_id": "d"},
        ],
    }


def test_what_has_waited_follows_the_results() -> None:
    message: JsonObject = message_of("a")
    assert with_waiting([RESULT, RESULT, {"role": "user"}], [message]) == [RESULT, RESULT, message, {"role": "user"}]
    assert with_waiting([], [message]) == [message]
    assert with_waiting("b", [message]) == [message, message_of("b")]
    assert with_waiting(None, [message]) == [message]


def test_the_item_of_an_input() -> None:
    content = [{"type": "input_text", "text": "a"}]
    assert message_of("a") == {"type": "message", "role": "user", "content": content}
