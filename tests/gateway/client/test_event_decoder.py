"""Events, decoded from what the gateway sends."""

from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client.event_decoder import decode
from gateway.client.frames import ConnectionLost, read_object
from gateway.protocol.events import Chunk, Event, encode
from tests.gateway.client.events import EVENTS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_is_decoded_as_it_was_encoded(event: Event) -> None:
    assert decode(read_object(encode(event))) == event


def test_fields_of_a_newer_gateway_are_ignored() -> None:
    assert decode({"type": "chunk", "content": "a", "language": "vi", "seq": 3}) == Chunk("a")


@pytest.mark.parametrize("fields", [{"type": "hologram"}, {"content": "a"}, {"type": ["chunk"]}, {"type": None}])
def test_types_of_a_newer_gateway_are_none(fields: dict[str, object]) -> None:
    assert decode(fields) is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"type": "chunk", "content": None}, "'chunk' event: content: expected a string"),
        ({"type": "chunk"}, "'chunk' event: content: expected a value, but there is none"),
        ({"type": "queued", "position": True, "eta_ms": None}, "position: expected an integer"),
        ({"type": "queued", "position": 1.5, "eta_ms": None}, "position: expected an integer"),
        ({"type": "revision", "revision": 2, "feedback_id": None, "cancel_ms": "1"}, "cancel_ms: expected a number"),
        (
            {"type": "revision", "revision": 2, "feedback_id": None, "cancel_ms": 1, "reason": "mood"},
            "reason: expected one of feedback, failover",
        ),
        (
            {"type": "complete", "finish_reason": None, "usage": {"input_tokens": 1, "output_tokens": "2"}},
            "usage.output_tokens: expected an integer",
        ),
        ({"type": "complete", "finish_reason": None, "usage": []}, "usage: expected an object"),
        ({"type": "error", "code": "c", "message": "m", "retryable": 1}, "retryable: expected true or false"),
    ],
)
def test_a_known_type_with_invalid_fields_is_an_error_that_names_them(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ConnectionLost) as raised:
        decode(fields)
    assert problem in str(raised.value)


def test_numbers_are_those_of_json() -> None:
    assert decode({"type": "queued", "position": 2.0, "eta_ms": None}) == EVENTS[1]
    revision = decode({"type": "revision", "revision": 2, "feedback_id": None, "cancel_ms": 1})
    assert isinstance(getattr(revision, "cancel_ms", None), float)


@given(st.sampled_from(EVENTS), st.data())
def test_an_invalid_field_never_raises_anything_else(event: Event, data: st.DataObject) -> None:
    fields: dict[str, object] = orjson.loads(encode(event))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(JSON)
    try:
        decode(fields)
    except ConnectionLost as error:
        assert name in str(error) or name == "type"
