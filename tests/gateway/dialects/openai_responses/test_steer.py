"""Input for a response that runs: what is taken, and what is said of the rest."""

import pytest

from gateway.dialects.openai_responses.steer import MAX_TEXT, SteerError, accepted, failed, message_of, steer_of
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


def test_the_item_of_an_input() -> None:
    content = [{"type": "input_text", "text": "a"}]
    assert message_of("a") == {"type": "message", "role": "user", "content": content}
